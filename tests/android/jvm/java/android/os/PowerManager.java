package android.os;

import java.time.Duration;
import org.circadia.fake.Phone;

public final class PowerManager {
    PowerManager() {
    }

    public boolean isInteractive() {
        return Phone.interactive;
    }

    public boolean isPowerSaveMode() {
        return Phone.powerSave;
    }

    public boolean isDeviceIdleMode() {
        return Phone.idle;
    }

    public boolean isIgnoringBatteryOptimizations(String packageName) {
        return Phone.exempt;
    }

    public int getCurrentThermalStatus() {
        return Phone.thermalStatus;
    }

    public float getThermalHeadroom(int forecastSeconds) {
        return Phone.polledHeadroom();
    }

    public Duration getBatteryDischargePrediction() {
        return Phone.dischargeMs < 0 ? null : Duration.ofMillis(Phone.dischargeMs);
    }
}
