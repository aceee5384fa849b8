package android.app;

import android.content.Context;
import fake.Phone;

public class Notification {
    public static final int VISIBILITY_PRIVATE = 0;

    private String channel = "";
    private String action = "";
    private CharSequence title = "";

    public Notification() {}

    public Notification(int icon, CharSequence tickerText, long when) {}

    public static class Builder {
        private final Notification made = new Notification();

        public Builder(Context context) {}

        public Builder(Context context, String channelId) {
            made.channel = channelId;
        }

        public Builder setChannelId(String channelId) {
            made.channel = channelId;
            return this;
        }

        public Builder setContentTitle(CharSequence title) {
            made.title = title;
            return this;
        }

        public Builder setContentText(CharSequence text) {
            return this;
        }

        public Builder setContentIntent(PendingIntent intent) {
            return this;
        }

        public Builder setSmallIcon(int icon) {
            return this;
        }

        public Builder setOngoing(boolean ongoing) {
            return this;
        }

        public Builder addAction(int icon, CharSequence title, PendingIntent intent) {
            made.action = title.toString();
            return this;
        }

        public Notification build() {
            if (Phone.level >= 26 && made.channel.isEmpty()) {
                throw new IllegalStateException("no channel");
            }
            Phone.happened("notification '" + made.title + "' [" + made.action + "] on '" + made.channel + "'");
            return made;
        }
    }
}
