package fake;

import android.app.ApplicationExitInfo;
import android.content.ServiceConnection;
import android.os.Build;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.circadia.android.BoundedService;
import org.circadia.circadia.ServiceAgent;
import org.circadia.fake.Made;
import org.kivy.android.PythonActivity;
import org.kivy.android.PythonService;
import org.tensorflow.lite.Interpreter;

/** The phone under the fakes: what it allows, and what happened on it, in order. One scenario at a time. */
public final class Phone {
    public static int level;
    public static int manifestTypes;
    public static boolean foregroundAllowed;
    public static boolean inBackground;
    public static boolean usbGranted;
    public static boolean deaf;
    public static boolean late;
    public static boolean elsewhere;
    public static boolean stopped;
    public static volatile boolean inForeground;
    /** The thread that changed the notification last. */
    public static volatile String notifier;
    /** What is to run later. */
    public static final List<Runnable> LATER = new ArrayList<>();
    /** Ends of the app's processes that it remembers. */
    public static final List<ApplicationExitInfo> EXITS = new ArrayList<>();
    /** Who is bound to a service. */
    public static final List<ServiceConnection> BOUND = new ArrayList<>();
    /** Of the app's Python in the package; null: it has none that would be unpacked. */
    public static String packed;
    public static File files;
    private static final List<String> EVENTS = new ArrayList<>();
    private static CountDownLatch running;
    private static CountDownLatch returned;

    private Phone() {}

    /** A phone of a level, on which all is allowed. */
    public static void reset(int level) {
        Phone.level = level;
        Build.VERSION.SDK_INT = level;
        manifestTypes = 0x40000010;
        foregroundAllowed = true;
        inBackground = false;
        usbGranted = false;
        deaf = false;
        late = false;
        elsewhere = false;
        stopped = false;
        inForeground = false;
        notifier = "";
        LATER.clear();
        BOUND.clear();
        EXITS.clear();
        packed = null;
        files = new File("/data/files");
        Jobs.reset();
        running = new CountDownLatch(1);
        returned = new CountDownLatch(1);
        synchronized (EVENTS) {
            EVENTS.clear();
        }
    }

    /** The screens run in this process from now on; any context stands for their activity. */
    public static void open() {
        PythonActivity.mActivity = new ServiceAgent();
    }

    /** A process of the app ended; reason and status are Android's numbers. */
    public static void exit(int reason, long timestamp, int pid, String process) {
        String name = "android.app.ApplicationExitInfo";
        EXITS.add((ApplicationExitInfo) Made.made(name, reason, timestamp, 9, pid, process, "lmkd"));
    }

    /** The stub of LiteRT computes with it from now on. */
    public static void compute(Interpreter.Backend backend) {
        Interpreter.backend = backend;
    }

    public static void happened(String event) {
        synchronized (EVENTS) {
            EVENTS.add(event);
        }
    }

    public static String told() {
        synchronized (EVENTS) {
            return String.join("; ", EVENTS);
        }
    }

    /** Android's rules for a service that goes into the foreground; -1 stands for all types of its manifest. */
    public static void enterForeground(int types) {
        int meant = types == -1 ? manifestTypes : types;
        if (level >= 31 && !foregroundAllowed) {
            throw new IllegalStateException("ForegroundServiceStartNotAllowedException");
        }
        if (level >= 34 && meant == 0) {
            throw new IllegalStateException("MissingForegroundServiceTypeException");
        }
        if (types != -1 && (types & manifestTypes) != types) {
            throw new IllegalArgumentException("not a subset of foregroundServiceType in the manifest");
        }
        if (level >= 34 && (meant & 0x10) != 0 && !usbGranted) {
            throw new SecurityException("connectedDevice without a device");
        }
        inForeground = true;
        happened("foreground " + (types == -1 ? "as in the manifest" : Integer.toHexString(types)));
    }

    /** What stands for the interpreter: hears what befalls the service, and returns once it was told to end and has committed. */
    public static void python(String entrypoint, String argument) {
        happened("python " + entrypoint + (argument.isEmpty() ? "" : " for " + argument));
        if (!(PythonService.mService instanceof BoundedService)) {
            return;
        }
        pause(late ? 200 : 0);
        running.countDown();
        if (elsewhere) {
            await(returned);
            return;
        }
        try {
            listen(PythonService.mService);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void listen(PythonService service) throws InterruptedException {
        String event = "";
        while (!event.startsWith("end: ")) {
            event = BoundedService.next(service);
            happened(event);
        }
        pause(deaf ? 20_000 : 50);
        happened("committed");
    }

    public static void awaitPython() {
        await(running);
    }

    /** The true Python, which `elsewhere` waits for, has returned. */
    public static void pythonReturned() {
        happened("committed");
        returned.countDown();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await(20, TimeUnit.SECONDS);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }
}
