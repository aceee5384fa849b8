package android.app.job;

import fake.Phone;

public class JobScheduler {
    public static final int RESULT_SUCCESS = 1;

    public int schedule(JobInfo job) {
        Phone.happened("job" + job.told);
        return RESULT_SUCCESS;
    }

    public void cancel(int jobId) {
        Phone.happened("job cancelled");
    }
}
