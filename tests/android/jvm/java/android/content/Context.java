package android.content;

public abstract class Context {
    public static final String ACTIVITY_SERVICE = "activity";
    public static final String BATTERY_SERVICE = "batterymanager";
    public static final String CONNECTIVITY_SERVICE = "connectivity";
    public static final String KEYGUARD_SERVICE = "keyguard";
    public static final String POWER_SERVICE = "power";
    public static final String SENSOR_SERVICE = "sensor";
    public static final String USAGE_STATS_SERVICE = "usagestats";
    public static final String USB_SERVICE = "usb";

    public abstract Object getSystemService(String name);

    public abstract String getPackageName();

    public abstract ClassLoader getClassLoader();

    public abstract ContentResolver getContentResolver();

    public abstract Intent registerReceiver(BroadcastReceiver receiver, IntentFilter filter);
}
