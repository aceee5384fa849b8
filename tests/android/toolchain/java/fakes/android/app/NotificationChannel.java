package android.app;

public final class NotificationChannel {
    final int importance;

    public NotificationChannel(String id, CharSequence name, int importance) {
        this.importance = importance;
    }

    public void setLightColor(int argb) {}

    public void setLockscreenVisibility(int visibility) {}
}
