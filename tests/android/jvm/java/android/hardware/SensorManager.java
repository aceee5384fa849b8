package android.hardware;

import org.circadia.fake.Phone;

public class SensorManager {
    public static final int SENSOR_DELAY_NORMAL = 3;

    SensorManager() {
    }

    public Sensor getDefaultSensor(int type) {
        return type == Sensor.TYPE_LIGHT && Phone.lux >= 0 ? new Sensor() : null;
    }

    public boolean registerListener(SensorEventListener listener, Sensor sensor, int delay) {
        Phone.listeners++;
        listener.onSensorChanged(new SensorEvent((float) Phone.lux));
        return true;
    }

    public void unregisterListener(SensorEventListener listener) {
        Phone.listeners--;
    }
}
