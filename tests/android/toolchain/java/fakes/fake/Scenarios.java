package fake;

import android.app.job.JobInfo;
import android.content.Intent;
import android.content.ServiceConnection;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import org.circadia.android.BoundedService;
import org.circadia.android.Renewal;
import org.circadia.circadia.ServiceAgent;
import org.kivy.android.PythonActivity;
import org.kivy.android.PythonService;
import org.kivy.android.PythonUtil;

/** Lives of the agent's service; prints a line for each: its name, a tab, what happened. */
public final class Scenarios {
    private static final int TIMED = 0x1;

    private Scenarios() {}

    public static void main(String[] words) throws Exception {
        run("null_intent", 36, () -> begin(null));
        run("named_only", 36, () -> begin(new Intent()));
        run("old_phone", 24, () -> begin(whole()));
        run("between", 30, () -> begin(whole()));
        run("refused", 36, Scenarios::refused);
        run("background", 36, () -> startFrom(true));
        run("background_old", 28, () -> startFrom(true));
        run("screen", 36, () -> startFrom(false));
        run("stop", 36, () -> ended(service -> service.onStartCommand(new Intent().setAction(BoundedService.STOP), 0, 2)));
        run("timeout", 36, () -> ended(service -> service.onTimeout(1, TIMED)));
        run("timeout_short", 34, () -> ended(service -> service.onTimeout(1)));
        run("destroyed", 36, () -> ended(service -> Phone.stopped = true));
        run("deaf", 36, Scenarios::deaf);
        run("early_stop", 36, Scenarios::earlyStop);
        run("swiped", 36, Scenarios::swiped);
        run("meter", 36, Scenarios::meter);
        run("meter_not_granted", 36, () -> BoundedService.meter(begin(whole()), "true"));
        run("shown", 36, () -> BoundedService.show(begin(whole()), "Learning", "while it charges", "Stop"));
        run("waking", 36, Scenarios::waking);
        run("leaving", 36, () -> BoundedService.leave(begin(whole())));
        run("job", 36, Scenarios::job);
        run("job_then_screen", 36, Scenarios::jobThenScreen);
        run("wake_job", 36, Scenarios::wakeJob);
        run("wake_job_stopped", 36, Scenarios::wakeJobStopped);
        run("wake_job_kept", 36, Scenarios::wakeJobKept);
        run("wake_job_for_nothing", 36, Scenarios::wakeJobForNothing);
        run("wake_job_soon", 36, Scenarios::wakeJobSoon);
        run("wake_jobs", 36, Scenarios::wakeJobs);
        run("over_talked", 36, Scenarios::overTalked);
        run("raced", 36, Scenarios::raced);
        run("stale", 36, Scenarios::stale);
        run("stale_job", 36, Scenarios::staleJob);
        run("half_unpacked", 36, Scenarios::halfUnpacked);
        run("current", 36, Scenarios::current);
        run("switched_on", 36, () -> renewed(Intent.ACTION_BOOT_COMPLETED));
        run("updated", 36, () -> renewed(Intent.ACTION_MY_PACKAGE_REPLACED));
        run("updated_while_open", 36, Scenarios::renewedOpen);
        run("another_broadcast", 36, () -> renewed("android.intent.action.TIME_SET"));
        run("switched_on_unasked", 36, Scenarios::renewedUnasked);
        run("their_service", 36, Scenarios::theirs);
        run("their_untyped", 36, Scenarios::untyped);
        System.exit(0); // threads of lives that were not ended
    }

    private static void run(String name, int level, Scenario scenario) throws Exception {
        Phone.reset(level);
        try {
            scenario.play();
        } catch (RuntimeException error) {
            Phone.happened("crashed: " + error.getMessage());
        }
        System.out.println(name + "\t" + Phone.told());
    }

    private static Intent whole() {
        return ServiceAgent.getDefaultIntent(new ServiceAgent(), "", "", "", "");
    }

    private static ServiceAgent begin(Intent intent) {
        ServiceAgent service = new ServiceAgent();
        service.onCreate();
        Phone.happened("returned " + service.onStartCommand(intent, 0, 1));
        Phone.awaitPython();
        return service;
    }

    private static void ended(Ending ending) {
        ServiceAgent service = begin(whole());
        ending.end(service);
        finish(service);
    }

    private static void finish(ServiceAgent service) {
        if (Phone.stopped) {
            service.onDestroy();
        }
    }

    private static void refused() {
        Phone.foregroundAllowed = false;
        begin(null);
    }

    private static void startFrom(boolean background) {
        Phone.inBackground = background;
        Phone.happened("" + BoundedService.wake(new ServiceAgent(), "org.circadia.circadia.ServiceAgent"));
    }

    private static void swiped() throws InterruptedException {
        begin(whole()).onTaskRemoved(null);
        Thread.sleep(200);
        Phone.happened("stopped: " + Phone.stopped);
    }

    private static void waking() {
        ServiceAgent service = begin(whole());
        BoundedService.keepWaking(service, "21600000");
        BoundedService.stopWaking(service);
    }

    private static void deaf() {
        Phone.deaf = true;
        ServiceAgent service = begin(whole());
        long from = System.nanoTime();
        service.onStartCommand(new Intent().setAction(BoundedService.STOP), 0, 2);
        finish(service);
        Phone.happened("ms " + (System.nanoTime() - from) / 1_000_000);
    }

    private static void earlyStop() {
        Phone.late = true;
        ServiceAgent service = new ServiceAgent();
        service.onStartCommand(whole(), 0, 1);
        service.onStartCommand(new Intent().setAction(BoundedService.STOP), 0, 2);
        finish(service);
    }

    private static void meter() {
        Phone.usbGranted = true;
        ServiceAgent service = begin(whole());
        BoundedService.meter(service, "true");
        BoundedService.meter(service, "false");
    }

    private static void job() {
        ServiceAgent service = new ServiceAgent();
        service.onBind(null);
        Phone.awaitPython();
        service.onDestroy();
    }

    private static void jobThenScreen() {
        ServiceAgent service = new ServiceAgent();
        service.onBind(null);
        Phone.awaitPython();
        service.onStartCommand(whole(), 0, 1);
    }

    /** A job was scheduled and its time has come; the system binds the service in its process. */
    private static ServiceAgent woken(ServiceAgent service) {
        JobInfo job = Jobs.pending().get(0);
        Jobs.start(job);
        ServiceConnection bound = Phone.BOUND.get(Phone.BOUND.size() - 1);
        bound.onServiceConnected(null, service.onBind(null));
        return service;
    }

    private static ServiceAgent kept(ServiceAgent service) {
        BoundedService.keepWaking(new ServiceAgent(), "21600000");
        woken(service);
        Phone.awaitPython();
        return service;
    }

    private static void wakeJob() {
        kept(new ServiceAgent());
        for (Runnable one : new ArrayList<>(Phone.LATER)) {
            one.run();
        }
        Phone.happened("later: " + Phone.LATER.size());
    }

    private static void wakeJobStopped() {
        kept(new ServiceAgent());
        Jobs.stop(Jobs.pending().get(0).getId());
    }

    /** As Python does at its start. */
    private static void wakeJobKept() {
        ServiceAgent service = kept(new ServiceAgent());
        BoundedService.keepWaking(service, "21600000");
        Phone.happened("kept");
        BoundedService.keepWaking(service, "3600000");
    }

    private static void wakeJobForNothing() {
        kept(begin(whole()));
    }

    private static void wakeJobSoon() {
        Phone.foregroundAllowed = false;
        ServiceAgent service = begin(null);
        Phone.foregroundAllowed = true;
        service.onStartCommand(whole(), 0, 2);
        Phone.happened("pending: " + Jobs.pending().size());
    }

    private static void wakeJobs() {
        ServiceAgent service = kept(new ServiceAgent());
        Phone.inBackground = true;
        startFrom(true);
        JobInfo soon = Jobs.pending().get(1);
        Jobs.start(soon);
        Jobs.stop(soon.getId());
        Phone.happened("bound still: " + Phone.BOUND.size());
        Phone.LATER.get(0).run();
        Phone.happened("bound still: " + Phone.BOUND.size());
    }

    private static void overTalked() {
        ServiceAgent service = new ServiceAgent();
        service.onBind(null);
        Phone.awaitPython();
        BoundedService.show(service, "Learning", "while it charges", "Stop");
        service.onStartCommand(whole(), 0, 1);
        service.onTimeout(1, TIMED);
        BoundedService.show(service, "Late", "", "Stop");
        finish(service);
    }

    /** Python talks on its thread while Android ends the service on its own. */
    private static void raced() throws InterruptedException {
        for (int i = 0; i < 40; i++) {
            ServiceAgent service = begin(whole());
            Thread python =
                    new Thread(
                            () -> {
                                for (int j = 0; j < 20; j++) {
                                    BoundedService.show(service, "Learning", "", "Stop");
                                }
                            });
            python.start();
            Thread.sleep(0, 200_000);
            BoundedService.leave(service);
            python.join();
            service.onDestroy();
        }
    }

    private static void updated(String version) throws IOException {
        Phone.files = Files.createTempDirectory("files").toFile();
        Phone.packed = "old";
        File app = new File(Phone.files, "app");
        PythonUtil.unpackAsset(new ServiceAgent(), "private", app, true);
        PythonUtil.unpackPyBundle(new ServiceAgent(), "/data/lib/libpybundle", app, false);
        Phone.packed = version;
        Phone.happened("updated");
    }

    private static void stale() throws IOException {
        updated("new");
        ServiceAgent service = new ServiceAgent();
        Phone.happened("returned " + service.onStartCommand(whole(), 0, 1));
        finish(service);
    }

    private static void staleJob() throws IOException {
        updated("new");
        BoundedService.keepWaking(new ServiceAgent(), "21600000");
        woken(new ServiceAgent()).onDestroy();
    }

    private static void halfUnpacked() throws IOException {
        updated("new");
        PythonUtil.unpackAsset(new ServiceAgent(), "private", new File(Phone.files, "app"), true);
        ServiceAgent service = new ServiceAgent();
        service.onStartCommand(whole(), 0, 1);
    }

    private static void current() throws IOException {
        updated("old");
        begin(whole());
    }

    private static void renewed(String action) throws IOException {
        updated("new");
        BoundedService.keepWaking(new ServiceAgent(), "21600000");
        new Renewal().onReceive(new ServiceAgent(), new Intent(action));
    }

    private static void renewedUnasked() throws IOException {
        updated("new");
        new Renewal().onReceive(new ServiceAgent(), new Intent(Intent.ACTION_BOOT_COMPLETED));
        Phone.happened("nothing");
    }

    private static void renewedOpen() throws IOException {
        Phone.open();
        try {
            renewed(Intent.ACTION_MY_PACKAGE_REPLACED);
        } finally {
            PythonActivity.mActivity = null;
        }
    }

    /** python-for-android's own, in a manifest with both types and no meter. */
    private static void theirs() {
        PythonService service = new PythonService();
        service.onStartCommand(whole(), 0, 1);
    }

    /** The same with no type in the manifest. */
    private static void untyped() {
        Phone.manifestTypes = 0;
        theirs();
    }

    private interface Scenario {
        void play() throws Exception;
    }

    private interface Ending {
        void end(ServiceAgent service);
    }
}
