package android.provider;

import android.content.ContentResolver;
import org.circadia.fake.Phone;

public class Settings {
    public static final class Global {
        public static final String ANIMATOR_DURATION_SCALE = "animator_duration_scale";

        public static float getFloat(ContentResolver resolver, String name, float missing) {
            return Phone.animatorScale < 0 ? missing : Phone.animatorScale;
        }
    }
}
