package android.app.job;

import android.content.ComponentName;
import android.os.PersistableBundle;

public class JobInfo {
    final String told;
    private final int id;
    private final PersistableBundle extras;
    private final long intervalMs;

    private JobInfo(Builder builder) {
        id = builder.id;
        told = builder.told;
        extras = builder.extras;
        intervalMs = builder.intervalMs;
    }

    public int getId() {
        return id;
    }

    public PersistableBundle getExtras() {
        return extras;
    }

    /** 0 of a job that is no periodic one. */
    public long getIntervalMillis() {
        return intervalMs;
    }

    public static final class Builder {
        private final int id;
        private String told = "";
        private PersistableBundle extras = new PersistableBundle();
        private long intervalMs = 0;

        public Builder(int jobId, ComponentName jobService) {
            id = jobId;
        }

        public Builder setExtras(PersistableBundle extras) {
            this.extras = extras;
            told += " of " + extras.getString("service");
            return this;
        }

        public Builder setPeriodic(long intervalMillis) {
            if (intervalMillis < 15 * 60 * 1000L) {
                throw new IllegalArgumentException("a period under 15 minutes");
            }
            intervalMs = intervalMillis;
            told += " every " + intervalMillis / 60000 + " min";
            return this;
        }

        public Builder setPersisted(boolean isPersisted) {
            return this;
        }

        public Builder setMinimumLatency(long minLatencyMillis) {
            told += " in " + minLatencyMillis / 60000 + " min";
            return this;
        }

        public Builder setOverrideDeadline(long maxExecutionDelayMillis) {
            return this;
        }

        public JobInfo build() {
            return new JobInfo(this);
        }
    }
}
