package android.content;

import android.app.ActivityManager;
import android.app.NotificationManager;
import android.app.job.JobScheduler;
import android.content.pm.ApplicationInfo;
import android.content.pm.PackageManager;
import android.content.res.Resources;
import fake.Phone;
import java.io.File;
import org.circadia.fake.Made;

public abstract class Context {
    public static final String ACTIVITY_SERVICE = "activity";
    public static final int BIND_AUTO_CREATE = 1;
    public static final String JOB_SCHEDULER_SERVICE = "jobscheduler";
    public static final String NOTIFICATION_SERVICE = "notification";
    public static final String USB_SERVICE = "usb";

    public Object getSystemService(String name) {
        if (name.equals(USB_SERVICE)) {
            return Made.made("android.hardware.usb.UsbManager");
        }
        if (name.equals(ACTIVITY_SERVICE)) {
            return new ActivityManager();
        }
        return name.equals(JOB_SCHEDULER_SERVICE) ? new JobScheduler() : new NotificationManager();
    }

    public ComponentName startService(Intent service) {
        if (Phone.level >= 26 && Phone.inBackground) {
            throw new IllegalStateException("Not allowed to start service: app is in background");
        }
        Phone.happened("started");
        return null;
    }

    public ComponentName startForegroundService(Intent service) {
        if (Phone.level >= 31 && Phone.inBackground) {
            throw new IllegalStateException("ForegroundServiceStartNotAllowedException");
        }
        Phone.happened("started for the foreground");
        return null;
    }

    public boolean stopService(Intent service) {
        return true;
    }

    public boolean bindService(Intent service, ServiceConnection conn, int flags) {
        Phone.happened("bound");
        Phone.BOUND.add(conn);
        return true;
    }

    public void unbindService(ServiceConnection conn) {
        if (!Phone.BOUND.remove(conn)) {
            throw new IllegalArgumentException("Service not registered");
        }
        Phone.happened("unbound");
    }

    public ClassLoader getClassLoader() {
        return getClass().getClassLoader();
    }

    public Context getApplicationContext() {
        return this;
    }

    public ApplicationInfo getApplicationInfo() {
        return new ApplicationInfo();
    }

    public PackageManager getPackageManager() {
        return new PackageManager();
    }

    public String getPackageName() {
        return "org.circadia.circadia";
    }

    public Resources getResources() {
        return new Resources();
    }

    public File getFilesDir() {
        return Phone.files;
    }

    public final String getString(int resId) {
        return resId != android.R.string.cancel ? Phone.packed : "Cancel";
    }
}
