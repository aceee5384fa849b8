package android.app.usage;

import org.circadia.fake.Phone;

public final class UsageStatsManager {
    UsageStatsManager() {
    }

    public int getAppStandbyBucket() {
        return Phone.bucket;
    }
}
