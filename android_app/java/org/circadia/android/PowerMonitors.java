package org.circadia.android;

import android.content.Context;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * The device's power rails and modelled consumers, which Android 15 has: by reflection, for this compiles against Android
 * 6. Their names stand in circadia_app/names.py. Nobody may call it on a device of a lower level.
 */
public final class PowerMonitors {
    private static final String HEALTH = "systemhealth";
    private static final long LONGEST_WAIT_S = 10;
    private static final Executor AT_ONCE = new Executor() {
        @Override
        public void execute(Runnable work) {
            work.run();
        }
    };

    private PowerMonitors() {
    }

    /** Names and types (0: a modelled consumer, 1: a measured rail) of each, one after the other; empty for none. */
    public static String[] names(Context context) throws Exception {
        List<?> monitors = monitors(context);
        String[] told = new String[2 * monitors.size()];
        for (int i = 0; i < monitors.size(); i++) {
            Object monitor = monitors.get(i);
            told[2 * i] = (String) called(monitor, "getName");
            told[2 * i + 1] = String.valueOf(called(monitor, "getType"));
        }
        return told;
    }

    /** Of each in the same order: ms since boot, and µWs since then or −1. */
    public static long[] read(Context context) throws Exception {
        Object health = context.getSystemService(HEALTH);
        List<?> monitors = monitors(context);
        final BlockingQueue<Object> answers = new ArrayBlockingQueue<Object>(1);
        Class<?> receiver = Class.forName("android.os.OutcomeReceiver");
        Method ask = Class.forName("android.os.health.SystemHealthManager")
            .getMethod("getPowerMonitorReadings", List.class, Executor.class, receiver);
        ask.invoke(health, monitors, AT_ONCE, listening(receiver, answers));
        Object readings = waited(answers);
        if (readings instanceof Throwable) {
            throw new IllegalStateException("the power monitors do not answer: " + readings);
        }
        Class<?> monitor = Class.forName("android.os.PowerMonitor");
        Class<?> kind = Class.forName("android.os.PowerMonitorReadings");
        Method timestamp = kind.getMethod("getTimestampMillis", monitor);
        Method energy = kind.getMethod("getConsumedEnergy", monitor);
        long[] told = new long[2 * monitors.size()];
        for (int i = 0; i < monitors.size(); i++) {
            told[2 * i] = (Long) timestamp.invoke(readings, monitors.get(i));
            told[2 * i + 1] = (Long) energy.invoke(readings, monitors.get(i));
        }
        return told;
    }

    private static List<?> monitors(Context context) throws Exception {
        Object health = context.getSystemService(HEALTH);
        final BlockingQueue<Object> answers = new ArrayBlockingQueue<Object>(1);
        Class<?> consumer = Class.forName("java.util.function.Consumer");
        Method ask = Class.forName("android.os.health.SystemHealthManager")
            .getMethod("getSupportedPowerMonitors", Executor.class, consumer);
        ask.invoke(health, AT_ONCE, listening(consumer, answers));
        return (List<?>) waited(answers);
    }

    /** Puts what it hears into the queue: of a Consumer's accept, of an OutcomeReceiver's onResult and onError. */
    private static Object listening(Class<?> kind, final BlockingQueue<Object> answers) {
        InvocationHandler handler = new InvocationHandler() {
            @Override
            public Object invoke(Object proxy, Method method, Object[] arguments) {
                String name = method.getName();
                if (name.equals("accept") || name.equals("onResult") || name.equals("onError")) {
                    answers.offer(arguments[0]);
                    return null;
                }
                if (name.equals("equals")) {
                    return proxy == arguments[0];
                }
                return name.equals("hashCode") ? (Object) System.identityHashCode(proxy) : (Object) "listener";
            }
        };
        return Proxy.newProxyInstance(PowerMonitors.class.getClassLoader(), new Class<?>[] {kind}, handler);
    }

    private static Object waited(BlockingQueue<Object> answers) throws InterruptedException {
        Object answer = answers.poll(LONGEST_WAIT_S, TimeUnit.SECONDS);
        if (answer == null) {
            throw new IllegalStateException("the power monitors did not answer within " + LONGEST_WAIT_S + " s");
        }
        return answer;
    }

    private static Object called(Object thing, String name)
            throws ClassNotFoundException, NoSuchMethodException, IllegalAccessException, InvocationTargetException {
        return Class.forName("android.os.PowerMonitor").getMethod(name).invoke(thing);
    }
}
