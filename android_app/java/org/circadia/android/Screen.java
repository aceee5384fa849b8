package org.circadia.android;

import android.app.Activity;
import android.content.Context;
import android.hardware.Sensor;
import android.hardware.SensorEvent;
import android.hardware.SensorEventListener;
import android.hardware.SensorManager;
import android.provider.Settings;
import android.speech.tts.TextToSpeech;
import android.view.WindowInsets;
import java.util.Locale;

/** What the phone is to its screens: bars over them, a voice, the light on them, motion. Plain texts. Android 6's API only. */
public final class Screen {
    private static TextToSpeech voice;
    private static String waiting;
    private static volatile int voiceState = 1;
    private static Light light;

    private Screen() {
    }

    /** Pixels that the system's bars cover, "left top right bottom"; empty: they are not known yet. */
    public static String insets(Context screens) {
        if (!(screens instanceof Activity)) {
            return "";
        }
        WindowInsets insets = ((Activity) screens).getWindow().getDecorView().getRootWindowInsets();
        if (insets == null) {
            return "";
        }
        return insets.getSystemWindowInsetLeft() + " " + insets.getSystemWindowInsetTop() + " "
            + insets.getSystemWindowInsetRight() + " " + insets.getSystemWindowInsetBottom();
    }

    /** False: the person has removed animations. */
    public static boolean animates(Context screens) {
        return Settings.Global.getFloat(screens.getContentResolver(), Settings.Global.ANIMATOR_DURATION_SCALE, 1f) > 0;
    }

    /** In the language, over what was being said. False: it is known that there is no voice for it. */
    public static synchronized boolean speak(Context screens, String text, String language) {
        final Locale wanted = new Locale(language);
        if (voice != null) {
            return voiceState == TextToSpeech.SUCCESS && say(text, wanted);
        }
        waiting = text;
        voice = new TextToSpeech(screens, new TextToSpeech.OnInitListener() {
            @Override
            public void onInit(int state) {
                begin(state, wanted);
            }
        });
        return voiceState != TextToSpeech.ERROR;
    }

    /** Silence; the voice is given back. */
    public static synchronized void hush(Context screens) {
        if (voice != null) {
            voice.shutdown();
        }
        voice = null;
        waiting = null;
        voiceState = 1;
    }

    private static synchronized void begin(int state, Locale wanted) {
        voiceState = state;
        if (state == TextToSpeech.SUCCESS && voice != null && waiting != null) {
            say(waiting, wanted);
        }
        waiting = null;
    }

    private static boolean say(String text, Locale wanted) {
        if (voice.setLanguage(wanted) < TextToSpeech.LANG_AVAILABLE) {
            return false;
        }
        return voice.speak(text, TextToSpeech.QUEUE_FLUSH, null, "screen") == TextToSpeech.SUCCESS;
    }

    /** The light on the screens in lux, from the second look on; empty: the phone does not tell. */
    public static synchronized String lux(Context screens) {
        if (light == null) {
            SensorManager sensors = (SensorManager) screens.getSystemService(Context.SENSOR_SERVICE);
            Sensor sensor = sensors == null ? null : sensors.getDefaultSensor(Sensor.TYPE_LIGHT);
            if (sensor == null) {
                return "";
            }
            light = new Light();
            sensors.registerListener(light, sensor, SensorManager.SENSOR_DELAY_NORMAL);
        }
        return Float.isNaN(light.lux) ? "" : Float.toString(light.lux);
    }

    /** The screens go to the back: the sensor rests. */
    public static synchronized void dark(Context screens) {
        if (light != null) {
            ((SensorManager) screens.getSystemService(Context.SENSOR_SERVICE)).unregisterListener(light);
            light = null;
        }
    }

    private static final class Light implements SensorEventListener {
        private volatile float lux = Float.NaN;

        @Override
        public void onSensorChanged(SensorEvent event) {
            lux = event.values[0];
        }

        @Override
        public void onAccuracyChanged(Sensor sensor, int accuracy) {
        }
    }
}
