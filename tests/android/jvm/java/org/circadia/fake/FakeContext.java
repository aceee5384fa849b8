package org.circadia.fake;

import android.content.BroadcastReceiver;
import android.content.ContentResolver;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.HashMap;
import java.util.Map;

/** An app's context. Its class loader alone knows the app's own classes, as on a phone. */
public final class FakeContext extends Context {
    private static final Map<String, String> SERVICES = new HashMap<String, String>();

    static {
        SERVICES.put("batterymanager", "android.os.BatteryManager");
        SERVICES.put("power", "android.os.PowerManager");
        SERVICES.put("connectivity", "android.net.ConnectivityManager");
        SERVICES.put("keyguard", "android.app.KeyguardManager");
        SERVICES.put("activity", "android.app.ActivityManager");
        SERVICES.put("usagestats", "android.app.usage.UsageStatsManager");
        SERVICES.put("systemhealth", "android.os.health.SystemHealthManager");
        SERVICES.put("sensor", "android.hardware.SensorManager");
        SERVICES.put("usb", "android.hardware.usb.UsbManager");
        SERVICES.put("performance_hint", "android.os.PerformanceHintManager");
    }

    private final ClassLoader loader;

    public FakeContext(String folder) throws Exception {
        loader = new URLClassLoader(new URL[] {new File(folder).toURI().toURL()}, FakeContext.class.getClassLoader());
    }

    @Override
    public Object getSystemService(String name) {
        return SERVICES.containsKey(name) && !Phone.absent.equals(name) ? Made.made(SERVICES.get(name)) : null;
    }

    @Override
    public String getPackageName() {
        return "org.circadia.app";
    }

    @Override
    public ClassLoader getClassLoader() {
        return loader;
    }

    @Override
    public ContentResolver getContentResolver() {
        return (ContentResolver) Made.made("android.content.ContentResolver");
    }

    @Override
    public Intent registerReceiver(BroadcastReceiver receiver, IntentFilter filter) {
        if (!Phone.broadcasts) {
            return null;
        }
        Intent intent = new Intent();
        for (Map.Entry<String, Integer> extra : Phone.EXTRAS.entrySet()) {
            intent.putExtra(extra.getKey(), extra.getValue().intValue());
        }
        return intent;
    }
}
