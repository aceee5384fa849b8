package org.circadia.android;

import android.app.Notification;
import android.app.NotificationManager;
import android.app.PendingIntent;
import android.app.Service;
import android.content.Context;
import android.content.Intent;
import android.os.Binder;
import android.os.Build;
import android.os.Bundle;
import android.os.IBinder;
import android.os.Parcel;
import android.os.RemoteException;
import android.util.Log;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.kivy.android.PythonService;

/**
 * The agent's service, between python-for-android's and the class that it generates (android.service_class_name).
 *
 * <p>It ends within PATIENCE_MS of being asked to, and lets Python commit before; survives a null intent, a start that
 * Android refuses to have in the foreground, and the app's being swiped away; ends when Android says that its time is
 * over; shows a notification with a button that stops it. Compiles against API 23: what is newer is reached by name.
 */
public class BoundedService extends PythonService {
    /** The notification's button, and whoever else may not bind: an intent with this action ends the service. */
    public static final String STOP = "org.circadia.android.STOP";

    /** Python's time to commit, before the process ends. */
    public static final long PATIENCE_MS = 2000;

    private static final String TAG = "circadia";
    private static final String CHANNEL = "circadia-agent";
    private static final int IMPORTANCE_LOW = 2; // NotificationManager, API 24: shown, silent
    private static final int SPECIAL_USE = 0x40000000; // ServiceInfo, API 34
    private static final int CONNECTED_DEVICE = 0x10; // ServiceInfo, API 29

    /** What a job asks over its binding: whether the agent works only because of it. */
    private static final int NEEDS_JOB = IBinder.FIRST_CALL_TRANSACTION;

    private final CountDownLatch ended = new CountDownLatch(1);

    // Of Android's thread and of Python's: under this object's lock.

    private boolean started = false;
    private boolean foreground = false;
    private boolean meter = false;
    private boolean told = false;
    private String title = "";
    private String text = "";
    private String stopWord = "";

    /** What Python has not heard yet. */
    private final BlockingQueue<String> events = new LinkedBlockingQueue<String>();

    /**
     * Start a service of this app from wherever: in the foreground where Android has that; where it refuses, because the
     * app is in the background, WakeJob does it later. True if it was started now.
     */
    public static boolean wake(Context context, String serviceClass) {
        Intent intent = new Intent().setClassName(context, serviceClass);
        try {
            if (Build.VERSION.SDK_INT >= 26) {
                Context.class.getMethod("startForegroundService", Intent.class).invoke(context, intent);
            } else {
                context.startService(intent);
            }
            return true;
        } catch (Exception error) {
            Log.w(TAG, "not started now, by a job later: " + causeOf(error));
            WakeJob.soon(context, serviceClass);
            return false;
        }
    }

    // For Python, which finds an app's own class only by its loader: static methods of a context and texts.

    /**
     * What befell the service, one after the other; waits for it. "end: WHY": commit and return within PATIENCE_MS.
     * "task removed": the app was swiped away, the service goes on.
     */
    public static String next(Context service) throws InterruptedException {
        return ((BoundedService) service).events.take();
    }

    /** What the notification says; `stop` is its button's word. */
    public static void show(Context service, String title, String text, String stop) {
        ((BoundedService) service).say(title, text, stop);
    }

    /**
     * A USB meter, for which the user gave permission, came ("true") or went: only with it may the service be of that type.
     * Of an agent that runs in no service there is nothing to be told.
     */
    public static void meter(Context service, String attached) {
        if (service instanceof BoundedService) {
            ((BoundedService) service).withMeter(Boolean.parseBoolean(attached));
        }
    }

    /** A job wakes the agent every so many ms should Android have ended it; an earlier one's period is no more. */
    public static void keepWaking(Context service, String everyMs) {
        WakeJob.keep(service, service.getClass().getName(), Long.parseLong(everyMs));
    }

    /** No job does so any more. */
    public static void stopWaking(Context service) {
        WakeJob.none(service);
    }

    /** The system's language: Python's own locale is always C on a phone. */
    public static String language(Context context) {
        return Locale.getDefault().getLanguage();
    }

    /** Out of the foreground, and not started again by itself. */
    public static void leave(Context service) {
        ((BoundedService) service).retire();
    }

    /** What stands for a service that was bound, in its own process or another: whether it would end without the binding. */
    static boolean needsJob(IBinder service) {
        Parcel asked = Parcel.obtain();
        Parcel told = Parcel.obtain();
        try {
            return service.transact(NEEDS_JOB, asked, told, 0) && told.readInt() == 1;
        } catch (RemoteException error) {
            return false; // it has just ended
        } finally {
            asked.recycle();
            told.recycle();
        }
    }

    @Override
    public synchronized int onStartCommand(Intent intent, int flags, int startId) {
        if (intent != null && STOP.equals(intent.getAction())) {
            WakeJob.none(this);
            end("stopped by the user");
            return START_NOT_STICKY;
        }
        Intent whole = isWhole(intent) ? intent : getThisDefaultIntent(getApplicationContext(), "");
        Bundle extras = whole.getExtras();
        if ("true".equals(extras.getString("serviceStartAsForeground")) && !foreground) {
            if (title.isEmpty()) { // else it is what Python said, woken by a job
                title = orElse(extras.getString("contentTitle"), extras.getString("serviceTitle"));
                text = orElse(extras.getString("contentText"), "");
            }
            enterForeground();
        }
        if (startPython(whole)) {
            return startType();
        }
        retire();
        return START_NOT_STICKY;
    }

    /** A job is bound while it lasts: the agent then works without the foreground, as long as the job may. */
    @Override
    public synchronized IBinder onBind(Intent intent) {
        startPython(getThisDefaultIntent(getApplicationContext(), "job"));
        return new Binding();
    }

    /** Python-for-android's own would enter the foreground with every type of the manifest, on a channel that is off. */
    @Override
    protected void doStartForeground(Bundle extras) {}

    /** API 34 says so of a short service. */
    public void onTimeout(int startId) {
        end("out of time");
    }

    /** API 35 says so of types with an allowance a day; a service that stays is killed with an error. */
    public void onTimeout(int startId, int type) {
        end("out of time");
    }

    @Override
    public void onTaskRemoved(Intent rootIntent) {
        super.onTaskRemoved(rootIntent);
        events.add("task removed");
    }

    /** Python-for-android's kills the process at once; before, Python commits. */
    @Override
    public void onDestroy() {
        if (isToEnd()) { // without the lock from here on: Python may need it in order to end
            try {
                if (!ended.await(PATIENCE_MS, TimeUnit.MILLISECONDS)) {
                    Log.w(TAG, "Python did not end within " + PATIENCE_MS + " ms");
                }
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }
        super.onDestroy();
    }

    @Override
    public void run() {
        try {
            super.run();
        } finally {
            ended.countDown();
        }
    }

    private synchronized boolean isToEnd() {
        tell("ended by Android");
        return started;
    }

    /** False if the app's Python is still that of the version before: only the screens unpack it, and Renewal. */
    private boolean startPython(Intent intent) {
        if (!started && !Unpacked.isCurrent(this)) {
            Log.w(TAG, "the agent does not start: the app was updated, and its files are those of the version before");
            return false;
        }
        started = true;
        super.onStartCommand(intent, 0, 0);
        return true;
    }

    private void end(String why) {
        tell(why);
        retire();
    }

    private synchronized void retire() {
        stopForeground(true);
        foreground = false;
        stopSelf();
    }

    private synchronized void tell(String why) {
        if (!told) {
            told = true;
            events.add("end: " + why);
        }
    }

    private synchronized void say(String title, String text, String stop) {
        this.title = title;
        this.text = text;
        this.stopWord = stop;
        if (foreground) {
            NotificationManager manager = (NotificationManager) getSystemService(Context.NOTIFICATION_SERVICE);
            manager.notify(getServiceId(), notification());
        }
    }

    private synchronized void withMeter(boolean attached) {
        meter = attached;
        if (foreground) {
            enterForeground();
        }
    }

    /** Not so: a sticky restart (null), or a start by name only, as of a job or a shell. */
    private static boolean isWhole(Intent intent) {
        return intent != null && intent.getStringExtra("serviceEntrypoint") != null;
    }

    private void enterForeground() {
        try {
            if (Build.VERSION.SDK_INT >= 34) {
                int types = SPECIAL_USE | (meter ? CONNECTED_DEVICE : 0);
                Service.class
                        .getMethod("startForeground", int.class, Notification.class, int.class)
                        .invoke(this, getServiceId(), notification(), types);
            } else {
                startForeground(getServiceId(), notification());
            }
            foreground = true;
            WakeJob.notSoon(this);
        } catch (Exception error) {
            // From API 31 on a start from the background, a sticky restart among them, may be refused. The agent works on
            // as long as Android lets it; a job brings it back.
            Log.w(TAG, "not in the foreground: " + causeOf(error));
            if (!foreground) { // else it stays there, without the meter's type
                WakeJob.soon(this, getClass().getName());
            }
        }
    }

    private Notification notification() {
        Intent open = getPackageManager().getLaunchIntentForPackage(getPackageName());
        Intent stop = new Intent(this, getClass()).setAction(STOP);
        int flags = PendingIntent.FLAG_IMMUTABLE | PendingIntent.FLAG_UPDATE_CURRENT;
        String word = stopWord.isEmpty() ? getString(android.R.string.cancel) : stopWord;
        Notification.Builder builder =
                new Notification.Builder(this)
                        .setContentTitle(title)
                        .setContentText(text)
                        .setSmallIcon(getApplicationInfo().icon)
                        .setOngoing(true)
                        .addAction(0, word, PendingIntent.getService(this, 1, stop, flags));
        if (open != null) {
            builder.setContentIntent(PendingIntent.getActivity(this, 0, open, flags));
        }
        if (Build.VERSION.SDK_INT >= 26) {
            setChannel(builder);
        }
        return builder.build();
    }

    /** NotificationChannel is of API 26. */
    private void setChannel(Notification.Builder builder) {
        try {
            Class<?> channels = Class.forName("android.app.NotificationChannel");
            CharSequence name = getApplicationInfo().loadLabel(getPackageManager());
            Object channel =
                    channels.getConstructor(String.class, CharSequence.class, int.class)
                            .newInstance(CHANNEL, name, IMPORTANCE_LOW);
            Object manager = getSystemService(Context.NOTIFICATION_SERVICE);
            NotificationManager.class.getMethod("createNotificationChannel", channels).invoke(manager, channel);
            Notification.Builder.class.getMethod("setChannelId", String.class).invoke(builder, CHANNEL);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException("Android " + Build.VERSION.SDK_INT + " without channels", error);
        }
    }

    private static String orElse(String word, String other) {
        return word == null || word.isEmpty() ? other : word;
    }

    private synchronized boolean needsJob() {
        return started && !foreground;
    }

    private static Throwable causeOf(Exception error) {
        return error.getCause() == null ? error : error.getCause();
    }

    /** What a job holds. */
    private final class Binding extends Binder {
        @Override
        protected boolean onTransact(int code, Parcel data, Parcel reply, int flags) throws RemoteException {
            if (code != NEEDS_JOB) {
                return super.onTransact(code, data, reply, flags);
            }
            reply.writeInt(needsJob() ? 1 : 0);
            return true;
        }
    }
}
