package android.os;

import org.circadia.fake.Phone;

public final class PowerMonitorReadings {
    PowerMonitorReadings() {
    }

    public long getConsumedEnergy(PowerMonitor powerMonitor) {
        return Phone.RAIL_ENERGY.get(powerMonitor.at);
    }

    public long getTimestampMillis(PowerMonitor powerMonitor) {
        return Phone.railsMs;
    }
}
