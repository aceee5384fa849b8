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
import java.util.HashMap;
import java.util.Map;

/**
 * The wake-up of last resort: a job of Android's scheduler that binds the agent's service for a while.
 *
 * <p>An app in the background may not start a service from API 26 on, nor one in the foreground from API 31 on; a job may
 * bind one. Bound, the agent works as long as the job may last, then commits and ends. One that is well without the job is
 * let go of at once, for a job keeps the processor awake.
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

    /** By the job's number: Android gives one service all jobs, which may overlap. Of the main thread. */
    private final Map<Integer, Connection> connections = new HashMap<Integer, Connection>();

    /** Every so many ms (900,000 at least, and later as Android sees fit), also after the phone was switched off. */
    static void keep(Context context, String serviceClass, long everyMs) {
        schedule(context, info(context, KEEP, serviceClass).setPeriodic(everyMs).setPersisted(true).build());
    }

    /** Once, in SOON_MS. */
    static void soon(Context context, String serviceClass) {
        JobInfo.Builder builder = info(context, SOON, serviceClass).setMinimumLatency(SOON_MS);
        schedule(context, builder.setOverrideDeadline(2 * SOON_MS).build());
    }

    /** The agent is in the foreground: what was to start it soon has nothing to do. */
    static void notSoon(Context context) {
        if (pending(context, SOON) != null) {
            scheduler(context).cancel(SOON);
        }
    }

    /** The class of the service that keep names; null: none is to be kept. */
    static String kept(Context context) {
        JobInfo job = pending(context, KEEP);
        return job == null ? null : serviceOf(job);
    }

    /** None any more: consent was withdrawn, or the user stopped the agent. */
    static void none(Context context) {
        scheduler(context).cancel(KEEP);
        scheduler(context).cancel(SOON);
    }

    @Override
    public boolean onStartJob(JobParameters parameters) {
        String serviceClass = parameters.getExtras().getString(SERVICE);
        Connection connection = new Connection(parameters);
        connections.put(parameters.getJobId(), connection);
        Intent intent = new Intent().setClassName(this, serviceClass);
        if (!bindService(intent, connection, Context.BIND_AUTO_CREATE)) {
            Log.w(TAG, serviceClass + " cannot be bound; is it in the manifest?");
            connection.release();
            return false;
        }
        handler.postDelayed(connection, STAY_MS);
        return true;
    }

    @Override
    public boolean onStopJob(JobParameters parameters) {
        Connection connection = connections.get(parameters.getJobId());
        if (connection != null) {
            connection.release();
        }
        return false;
    }

    private static JobInfo.Builder info(Context context, int id, String serviceClass) {
        PersistableBundle extras = new PersistableBundle();
        extras.putString(SERVICE, serviceClass);
        return new JobInfo.Builder(id, new ComponentName(context, WakeJob.class)).setExtras(extras);
    }

    /** Android stops a job that runs when it is scheduled again, and begins its period anew: the same one is left alone. */
    private static void schedule(Context context, JobInfo job) {
        JobInfo before = pending(context, job.getId());
        if (before != null
                && before.getIntervalMillis() == job.getIntervalMillis()
                && serviceOf(job).equals(serviceOf(before))) {
            return;
        }
        if (scheduler(context).schedule(job) != JobScheduler.RESULT_SUCCESS) {
            Log.w(TAG, "Android did not take the job that would wake the agent");
        }
    }

    private static String serviceOf(JobInfo job) {
        return job.getExtras().getString(SERVICE);
    }

    /** One that runs, too; or null. */
    private static JobInfo pending(Context context, int id) {
        for (JobInfo job : scheduler(context).getAllPendingJobs()) {
            if (job.getId() == id) {
                return job;
            }
        }
        return null;
    }

    private static JobScheduler scheduler(Context context) {
        return (JobScheduler) context.getSystemService(Context.JOB_SCHEDULER_SERVICE);
    }

    /** Held until the job's time is over, or the agent has ended by itself or needs no job. */
    private final class Connection implements ServiceConnection, Runnable {
        private final JobParameters parameters;

        Connection(JobParameters parameters) {
            this.parameters = parameters;
        }

        @Override
        public void onServiceConnected(ComponentName name, IBinder service) {
            if (!BoundedService.needsJob(service)) {
                run();
            }
        }

        @Override
        public void onServiceDisconnected(ComponentName name) {
            run();
        }

        @Override
        public void run() {
            if (release()) {
                jobFinished(parameters, false);
            }
        }

        /** Whether it was held: once only. */
        boolean release() {
            if (connections.get(parameters.getJobId()) != this) {
                return false;
            }
            connections.remove(parameters.getJobId());
            handler.removeCallbacks(this);
            unbindService(this);
            return true;
        }
    }
}
