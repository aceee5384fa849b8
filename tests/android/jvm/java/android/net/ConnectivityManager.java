package android.net;

import org.circadia.fake.Phone;

public class ConnectivityManager {
    ConnectivityManager() {
    }

    public Network getActiveNetwork() {
        Phone.check("network");
        return Phone.network ? new Network() : null;
    }

    public NetworkCapabilities getNetworkCapabilities(Network network) {
        return new NetworkCapabilities();
    }

    public boolean isActiveNetworkMetered() {
        return Phone.metered;
    }
}
