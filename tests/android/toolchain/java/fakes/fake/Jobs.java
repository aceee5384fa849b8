package fake;

import android.app.job.JobInfo;
import android.app.job.JobParameters;
import android.app.job.JobService;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.circadia.android.WakeJob;
import org.circadia.fake.Made;

/** The system's side of jobs. One object of a service has all of its jobs; one that runs is still pending. */
public final class Jobs {
    private static final Map<Integer, JobInfo> PENDING = new HashMap<>();
    private static final Map<Integer, JobParameters> RUNNING = new HashMap<>();
    private static JobService service;

    private Jobs() {}

    static void reset() {
        PENDING.clear();
        RUNNING.clear();
        service = new WakeJob();
    }

    public static void scheduled(JobInfo job) {
        PENDING.put(job.getId(), job);
    }

    public static void cancelled(int id) {
        PENDING.remove(id);
    }

    public static List<JobInfo> pending() {
        return new ArrayList<>(PENDING.values());
    }

    public static void finished(int id) {
        if (RUNNING.remove(id) == null) {
            throw new IllegalStateException("a job was finished that does not run");
        }
        settled(id);
    }

    /** The time of that one has come. */
    static void start(JobInfo job) {
        JobParameters parameters = (JobParameters) Made.made("android.app.job.JobParameters", job);
        boolean goesOn = service.onStartJob(parameters);
        Phone.happened("job runs: " + goesOn);
        if (goesOn) {
            RUNNING.put(job.getId(), parameters);
        } else {
            settled(job.getId());
        }
    }

    /** A job with a period comes again, another one does not. */
    private static void settled(int id) {
        JobInfo job = PENDING.get(id);
        if (job != null && job.getIntervalMillis() == 0) {
            PENDING.remove(id);
        }
    }

    /** Unless it does not run. */
    public static void stop(int id) {
        JobParameters parameters = RUNNING.remove(id);
        if (parameters != null) {
            Phone.happened("job stopped, again: " + service.onStopJob(parameters));
        }
    }
}
