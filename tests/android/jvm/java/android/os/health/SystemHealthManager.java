package android.os.health;

import android.os.OutcomeReceiver;
import android.os.PowerMonitor;
import android.os.PowerMonitorReadings;
import java.lang.reflect.Constructor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.circadia.fake.Phone;

public class SystemHealthManager {
    SystemHealthManager() {
    }

    public void getSupportedPowerMonitors(Executor executor, Consumer<List<PowerMonitor>> onResult) {
        List<PowerMonitor> found = new ArrayList<PowerMonitor>();
        for (int i = 0; i < Phone.RAILS.size(); i++) {
            String[] parts = Phone.RAILS.get(i).split(" ", 2);
            found.add((PowerMonitor) made("android.os.PowerMonitor", i, Integer.parseInt(parts[0]), parts[1]));
        }
        elsewhere(executor, () -> onResult.accept(found));
    }

    public void getPowerMonitorReadings(List<PowerMonitor> powerMonitors, Executor executor,
            OutcomeReceiver<PowerMonitorReadings, RuntimeException> onResult) {
        if (Phone.railsFail) {
            elsewhere(executor, () -> onResult.onError(new IllegalStateException("rails are busy")));
            return;
        }
        PowerMonitorReadings readings = (PowerMonitorReadings) made("android.os.PowerMonitorReadings");
        elsewhere(executor, () -> onResult.onResult(readings));
    }

    /** The system answers from a thread of its own. */
    private static void elsewhere(Executor executor, Runnable work) {
        Thread thread = new Thread(() -> executor.execute(work));
        thread.start();
    }

    private static Object made(String name, Object... arguments) {
        try {
            Constructor<?> constructor = Class.forName(name).getDeclaredConstructors()[0];
            constructor.setAccessible(true);
            return constructor.newInstance(arguments);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }
}
