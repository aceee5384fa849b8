package fake;

import android.app.job.JobParameters;
import android.content.Intent;
import org.circadia.android.BoundedService;
import org.circadia.android.WakeJob;
import org.circadia.circadia.ServiceAgent;
import org.kivy.android.PythonService;

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

    private static WakeJob woken(JobParameters parameters) {
        parameters.getExtras().putString("service", "org.circadia.circadia.ServiceAgent");
        WakeJob job = new WakeJob();
        Phone.happened("" + job.onStartJob(parameters));
        return job;
    }

    private static void wakeJob() {
        woken(new JobParameters());
        Phone.later.run();
        Phone.happened("later: " + Phone.later);
    }

    private static void wakeJobStopped() {
        JobParameters parameters = new JobParameters();
        WakeJob job = woken(parameters);
        Phone.happened("again: " + job.onStopJob(parameters));
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
