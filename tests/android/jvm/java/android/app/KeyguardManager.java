package android.app;

import org.circadia.fake.Phone;

public class KeyguardManager {
    KeyguardManager() {
    }

    public boolean isKeyguardLocked() {
        return Phone.locked;
    }
}
