package android.speech.tts;

import android.content.Context;
import android.os.Bundle;
import java.util.Locale;
import org.circadia.fake.Phone;

/** Ready a moment after it was made, in a thread of the system's. */
public class TextToSpeech {
    public static final int SUCCESS = 0;
    public static final int ERROR = -1;
    public static final int LANG_AVAILABLE = 0;
    public static final int QUEUE_FLUSH = 0;

    public TextToSpeech(Context context, final OnInitListener listener) {
        new Thread() {
            @Override
            public void run() {
                listener.onInit(Phone.voice ? SUCCESS : ERROR);
            }
        }.start();
    }

    public int setLanguage(Locale language) {
        return Phone.language.equals(language.getLanguage()) ? LANG_AVAILABLE : -2;
    }

    public int speak(CharSequence text, int queue, Bundle more, String id) {
        Phone.SAID.add(text.toString());
        return SUCCESS;
    }

    public void shutdown() {
        Phone.SAID.add("");
    }

    public interface OnInitListener {
        void onInit(int status);
    }
}
