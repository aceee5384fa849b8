package android.net;

import org.circadia.fake.Phone;

public final class NetworkCapabilities {
    NetworkCapabilities() {
    }

    public boolean hasCapability(int capability) {
        return capability == 12 || (capability == 16 && Phone.validated);
    }
}
