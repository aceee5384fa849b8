package android.app.job;

import android.os.PersistableBundle;

public class JobParameters {
    private final JobInfo job;

    JobParameters(JobInfo job) {
        this.job = job;
    }

    public int getJobId() {
        return job.getId();
    }

    public PersistableBundle getExtras() {
        return job.getExtras();
    }
}
