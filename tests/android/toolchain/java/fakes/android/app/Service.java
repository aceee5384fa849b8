package android.app;

import android.content.Context;
import android.content.Intent;
import android.os.IBinder;
import fake.Phone;

public abstract class Service extends Context {
    public static final int START_STICKY = 1;
    public static final int START_NOT_STICKY = 2;

    public void onCreate() {}

    public int onStartCommand(Intent intent, int flags, int startId) {
        return START_STICKY;
    }

    public abstract IBinder onBind(Intent intent);

    public void onDestroy() {}

    public void onTaskRemoved(Intent rootIntent) {}

    public final void stopSelf() {
        Phone.stopped = true;
    }

    public final void startForeground(int id, Notification notification) {
        Phone.enterForeground(-1);
    }

    public final void startForeground(int id, Notification notification, int foregroundServiceType) {
        Phone.enterForeground(foregroundServiceType);
    }

    public final void stopForeground(boolean removeNotification) {
        Phone.inForeground = false;
        Phone.happened("out of the foreground");
    }
}
