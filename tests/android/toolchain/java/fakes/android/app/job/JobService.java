package android.app.job;

import android.app.Service;
import android.content.Intent;
import android.os.IBinder;
import fake.Jobs;
import fake.Phone;

public abstract class JobService extends Service {
    @Override
    public final IBinder onBind(Intent intent) {
        return null;
    }

    public abstract boolean onStartJob(JobParameters params);

    public abstract boolean onStopJob(JobParameters params);

    public final void jobFinished(JobParameters params, boolean needsReschedule) {
        Phone.happened("job finished");
        Jobs.finished(params.getJobId());
    }
}
