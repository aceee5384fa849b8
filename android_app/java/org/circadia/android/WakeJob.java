package org.circadia.android;

import android.app.job.JobInfo;
import android.app.job.JobParameters;
import android.app.job.JobScheduler;
import android.app.job.JobService;
import android.content.ComponentName;
import android.content.Context;
import android.content.Intent;
import android.content.ServiceConnection;
import android.os.Handler;
import android.os.IBinder;
import android.os.Looper;
import android.os.PersistableBundle;
import android.util.Log;

/**
 * The wake-up of last resort: a job of Android's scheduler that binds the agent's service for a while.
 *
 * <p>An app in the background may not start a service from API 26 on, nor one in the foreground from API 31 on; a job may
 * bind one. Bound, the agent works as long as the job may last, then commits and ends.
 */
public class WakeJob extends JobService {
    /** After a refused start. */
    public static final long SOON_MS = 15 * 60 * 1000L;

    /** Android stops a job after 10 minutes. */
    public static final long STAY_MS = 8 * 60 * 1000L;

    private static final String TAG = "circadia";
    private static final String SERVICE = "service";
    private static final int KEEP = 0x63697201;
    private static final int SOON = 0x63697202;

    private final Handler handler = new Handler(Looper.getMainLooper());
    private Connection connection = null;

    /** Every so many ms (900,000 at least, and later as Android sees fit), also after the phone was switched off. */
    static void keep(Context context, String serviceClass, long everyMs) {
        schedule(context, info(context, KEEP, serviceClass).setPeriodic(everyMs).setPersisted(true));
    }

    /** Once, in SOON_MS. */
    static void soon(Context context, String serviceClass) {
        schedule(context, info(context, SOON, serviceClass).setMinimumLatency(SOON_MS).setOverrideDeadline(2 * SOON_MS));
    }

    /** None any more: consent was withdrawn, or the user stopped the agent. */
    static void none(Context context) {
        JobScheduler scheduler = (JobScheduler) context.getSystemService(Context.JOB_SCHEDULER_SERVICE);
        scheduler.cancel(KEEP);
        scheduler.cancel(SOON);
    }

    @Override
    public boolean onStartJob(JobParameters parameters) {
        String serviceClass = parameters.getExtras().getString(SERVICE);
        connection = new Connection(parameters);
        Intent intent = new Intent().setClassName(this, serviceClass);
        if (!bindService(intent, connection, Context.BIND_AUTO_CREATE)) {
            Log.w(TAG, serviceClass + " cannot be bound; is it in the manifest?");
            release();
            return false;
        }
        handler.postDelayed(connection, STAY_MS);
        return true;
    }

    @Override
    public boolean onStopJob(JobParameters parameters) {
        release();
        return false;
    }

    private void release() {
        if (connection != null) {
            handler.removeCallbacks(connection);
            unbindService(connection);
            connection = null;
        }
    }

    private static JobInfo.Builder info(Context context, int id, String serviceClass) {
        PersistableBundle extras = new PersistableBundle();
        extras.putString(SERVICE, serviceClass);
        return new JobInfo.Builder(id, new ComponentName(context, WakeJob.class)).setExtras(extras);
    }

    private static void schedule(Context context, JobInfo.Builder builder) {
        JobScheduler scheduler = (JobScheduler) context.getSystemService(Context.JOB_SCHEDULER_SERVICE);
        if (scheduler.schedule(builder.build()) != JobScheduler.RESULT_SUCCESS) {
            Log.w(TAG, "Android did not take the job that would wake the agent");
        }
    }

    /** Held until the job's time is over, or the agent has ended by itself. */
    private final class Connection implements ServiceConnection, Runnable {
        private final JobParameters parameters;

        Connection(JobParameters parameters) {
            this.parameters = parameters;
        }

        @Override
        public void onServiceConnected(ComponentName name, IBinder service) {}

        @Override
        public void onServiceDisconnected(ComponentName name) {
            run();
        }

        @Override
        public void run() {
            release();
            jobFinished(parameters, false);
        }
    }
}
