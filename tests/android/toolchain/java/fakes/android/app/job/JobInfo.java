package android.app.job;

import android.content.ComponentName;
import android.os.PersistableBundle;

public class JobInfo {
    final int id;
    final String told;

    private JobInfo(int id, String told) {
        this.id = id;
        this.told = told;
    }

    public static final class Builder {
        private final int id;
        private String told = "";

        public Builder(int jobId, ComponentName jobService) {
            id = jobId;
        }

        public Builder setExtras(PersistableBundle extras) {
            told += " of " + extras.getString("service");
            return this;
        }

        public Builder setPeriodic(long intervalMillis) {
            if (intervalMillis < 15 * 60 * 1000L) {
                throw new IllegalArgumentException("a period under 15 minutes");
            }
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
            return new JobInfo(id, told);
        }
    }
}
