package android.app;

import fake.Phone;

public class NotificationManager {
    public static final int IMPORTANCE_NONE = 0;

    public void createNotificationChannel(NotificationChannel channel) {
        Phone.happened("channel of importance " + channel.importance);
    }

    public void notify(int id, Notification notification) {
        Phone.notifier = Thread.currentThread().getName();
        Phone.happened(Phone.inForeground ? "notified" : "notified for nobody");
    }
}
