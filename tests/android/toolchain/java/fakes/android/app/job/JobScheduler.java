package android.app.job;

import fake.Jobs;
import fake.Phone;
import java.util.List;

/** It stops a job that runs when its number is scheduled again, or cancelled, and a new period begins with the call. */
public class JobScheduler {
    public static final int RESULT_SUCCESS = 1;

    public int schedule(JobInfo job) {
        Phone.happened("job" + job.told);
        Jobs.stop(job.getId());
        Jobs.scheduled(job);
        return RESULT_SUCCESS;
    }

    public void cancel(int jobId) {
        Phone.happened("job cancelled");
        Jobs.stop(jobId);
        Jobs.cancelled(jobId);
    }

    public List<JobInfo> getAllPendingJobs() {
        return Jobs.pending();
    }
}
