package android.os;

import org.circadia.fake.Phone;

public class BatteryManager {
    public static final int BATTERY_PROPERTY_CHARGE_COUNTER = 1;
    public static final int BATTERY_PROPERTY_CURRENT_NOW = 2;
    public static final int BATTERY_PROPERTY_ENERGY_COUNTER = 5;
    public static final String EXTRA_LEVEL = "level";
    public static final String EXTRA_PLUGGED = "plugged";
    public static final String EXTRA_SCALE = "scale";
    public static final String EXTRA_STATUS = "status";
    public static final String EXTRA_TEMPERATURE = "temperature";
    public static final String EXTRA_VOLTAGE = "voltage";

    BatteryManager() {
    }

    public long getLongProperty(int id) {
        Phone.check("battery");
        return Phone.PROPERTIES.containsKey(id) ? Phone.PROPERTIES.get(id) : Long.MIN_VALUE;
    }

    public long computeChargeTimeRemaining() {
        return Phone.chargeMs;
    }
}
