package org.circadia.fake;

import android.content.Context;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.kivy.android.PythonService;
import org.tensorflow.lite.Interpreter;

/** What the fakes of android.* answer: a phone whose maker's quirks a test sets. Plain public fields for Python. */
public final class Phone {
    public static final Map<String, Integer> EXTRAS = new HashMap<String, Integer>();
    public static final Map<Integer, Long> PROPERTIES = new HashMap<Integer, Long>();
    public static final List<Object> EXITS = new ArrayList<Object>();
    public static final List<String> RAILS = new ArrayList<String>();
    public static final List<Long> RAIL_ENERGY = new ArrayList<Long>();
    public static final List<String> HINTS = new ArrayList<String>();
    public static volatile boolean broadcasts = true;
    public static volatile boolean powerSave = false;
    public static volatile boolean idle = false;
    public static volatile boolean exempt = false;
    public static volatile boolean interactive = false;
    public static volatile boolean locked = true;
    public static volatile int thermalStatus = 0;
    public static volatile float headroom = 0.2f;
    public static volatile double fastestHeadroomS = 1.0;
    public static volatile int headroomCalls = 0;
    public static volatile int bucket = 10;
    public static volatile boolean network = true;
    public static volatile boolean validated = true;
    public static volatile boolean metered = false;
    public static volatile long chargeMs = -1;
    public static volatile long dischargeMs = -1;
    public static volatile boolean hints = true;
    public static volatile boolean railsFail = false;
    public static volatile long railsMs = 0;
    public static volatile String forbidden = "";
    public static volatile String absent = "";
    public static final List<String> SAID = new CopyOnWriteArrayList<String>();
    public static volatile Context app = null;
    public static volatile boolean attached = true;
    public static volatile int statusBar = 72;
    public static volatile int navigationBar = 48;
    public static volatile float animatorScale = -1;
    public static volatile boolean voice = true;
    public static volatile String language = "en";
    public static volatile double lux = 120;
    public static volatile int listeners = 0;
    private static double headroomAskedS = Double.NEGATIVE_INFINITY;

    private Phone() {
    }

    /** As it came from the shop. */
    public static synchronized void reset() {
        EXTRAS.clear();
        PROPERTIES.clear();
        EXITS.clear();
        RAILS.clear();
        RAIL_ENERGY.clear();
        HINTS.clear();
        broadcasts = true;
        powerSave = idle = exempt = interactive = metered = railsFail = false;
        locked = network = validated = hints = true;
        thermalStatus = headroomCalls = 0;
        headroom = 0.2f;
        fastestHeadroomS = 1.0;
        bucket = 10;
        chargeMs = dischargeMs = -1;
        railsMs = 0;
        forbidden = "";
        absent = "";
        SAID.clear();
        attached = voice = true;
        statusBar = 72;
        navigationBar = 48;
        animatorScale = -1;
        language = "en";
        lux = 120;
        listeners = 0;
        headroomAskedS = Double.NEGATIVE_INFINITY;
    }

    public static void extra(String name, int value) {
        EXTRAS.put(name, value);
    }

    public static void property(int id, long value) {
        PROPERTIES.put(id, value);
    }

    public static void rail(String name, int type, long microwattSeconds) {
        RAILS.add(type + " " + name);
        RAIL_ENERGY.add(microwattSeconds);
    }

    public static void railEnergy(int at, long microwattSeconds) {
        RAIL_ENERGY.set(at, microwattSeconds);
    }

    public static void exit(int reason, long timestamp, int status, int pid, String process, String description) {
        EXITS.add(Made.made("android.app.ApplicationExitInfo", reason, timestamp, status, pid, process, description));
    }

    /** A service of python-for-android runs from now on. Setting the field from Python frees what it is set to. */
    public static void serve(Context context) {
        PythonService.mService = context;
    }

    public static Object window() {
        return Made.made("android.view.Window");
    }

    public static Object decor() {
        return Made.made("android.view.View");
    }

    /** Screens over an app's context. */
    public static Context screens(Context context) {
        app = context;
        return new FakeActivity();
    }

    /** The stub of LiteRT computes with it from now on. */
    public static void compute(Interpreter.Backend backend) {
        Interpreter.backend = backend;
    }

    /** NaN if it was polled faster than the system likes, as Android does. */
    public static synchronized float polledHeadroom() {
        double nowS = System.nanoTime() * 1e-9;
        boolean early = nowS - headroomAskedS < fastestHeadroomS;
        headroomAskedS = nowS;
        headroomCalls++;
        return early ? Float.NaN : headroom;
    }

    /** As a missing permission does. */
    public static void check(String name) {
        if (forbidden.equals(name)) {
            throw new SecurityException("Neither user nor current process has android.permission for " + name);
        }
    }

    /** Threads that live in this JVM. */
    public static int threads() {
        return java.lang.management.ManagementFactory.getThreadMXBean().getThreadCount();
    }
}
