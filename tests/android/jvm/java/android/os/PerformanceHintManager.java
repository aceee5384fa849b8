package android.os;

import java.io.Closeable;
import java.util.Arrays;
import org.circadia.fake.Phone;

public final class PerformanceHintManager {
    PerformanceHintManager() {
    }

    public Session createHintSession(int[] tids, long initialTargetWorkDurationNanos) {
        Phone.HINTS.add("create " + tids.length + " " + initialTargetWorkDurationNanos);
        return Phone.hints ? new Session() : null;
    }

    public static class Session implements Closeable {
        Session() {
        }

        public void updateTargetWorkDuration(long targetDurationNanos) {
            Phone.HINTS.add("target " + targetDurationNanos);
        }

        public void reportActualWorkDuration(long actualDurationNanos) {
            Phone.HINTS.add("actual " + (actualDurationNanos > 0));
        }

        public void setPreferPowerEfficiency(boolean enabled) {
            Phone.HINTS.add("efficient " + enabled);
        }

        @Override
        public void close() {
            Phone.HINTS.add("close");
        }
    }
}
