package android.hardware;

public class SensorEvent {
    public final float[] values;

    SensorEvent(float value) {
        values = new float[] {value};
    }
}
