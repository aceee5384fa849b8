package org.circadia.android;

import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;

/** The battery as plain numbers, in one call: what costs nine from Python. Android 6's API only. */
public final class PowerReader {
    /** Stands for a number that the system does not give. */
    public static final long MISSING = Long.MIN_VALUE;

    private PowerReader() {
    }

    /**
     * Level, scale, plugged, status, temperature, voltage, current, charge counter, energy counter, as the system has them:
     * 0.1 °C, mV, µA, µAh and nWh by its documentation.
     */
    public static long[] read(Context context) {
        Intent intent = context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED));
        BatteryManager battery = (BatteryManager) context.getSystemService(Context.BATTERY_SERVICE);
        return new long[] {
            extra(intent, BatteryManager.EXTRA_LEVEL),
            extra(intent, BatteryManager.EXTRA_SCALE),
            extra(intent, BatteryManager.EXTRA_PLUGGED),
            extra(intent, BatteryManager.EXTRA_STATUS),
            extra(intent, BatteryManager.EXTRA_TEMPERATURE),
            extra(intent, BatteryManager.EXTRA_VOLTAGE),
            property(battery, BatteryManager.BATTERY_PROPERTY_CURRENT_NOW),
            property(battery, BatteryManager.BATTERY_PROPERTY_CHARGE_COUNTER),
            property(battery, BatteryManager.BATTERY_PROPERTY_ENERGY_COUNTER),
        };
    }

    private static long extra(Intent intent, String name) {
        int value = intent == null ? Integer.MIN_VALUE : intent.getIntExtra(name, Integer.MIN_VALUE);
        return value == Integer.MIN_VALUE ? MISSING : value;
    }

    private static long property(BatteryManager battery, int id) {
        return battery == null ? MISSING : battery.getLongProperty(id);
    }
}
