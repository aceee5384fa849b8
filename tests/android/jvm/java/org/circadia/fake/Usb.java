package org.circadia.fake;

import android.hardware.usb.UsbDevice;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What hangs on the phone's USB: a board behind a pseudo-terminal, of whichever class; and what was asked of it, in order. */
public final class Usb {
    public static final Map<String, UsbDevice> DEVICES = Collections.synchronizedMap(new HashMap<String, UsbDevice>());
    public static final Set<String> GRANTED = Collections.synchronizedSet(new HashSet<String>());
    public static final List<String> EVENTS = Collections.synchronizedList(new ArrayList<String>());
    public static volatile boolean busy = false;

    private Usb() {
    }

    public static void reset() {
        DEVICES.clear();
        GRANTED.clear();
        EVENTS.clear();
        busy = false;
    }

    /** `path`: of the pseudo-terminal; `classes`: of its interfaces, 2 (control) and 10 (data) of one that is CDC-ACM. */
    public static void plug(String name, int vendor, int product, int[] classes, String path) {
        DEVICES.put(name, (UsbDevice) Made.made("android.hardware.usb.UsbDevice", name, vendor, product, classes, path));
    }

    /** Who opened it hears so; with it goes what the person has allowed. */
    public static void unplug(String name) {
        DEVICES.remove(name);
        GRANTED.remove(name);
    }

    public static void grant(String name) {
        GRANTED.add(name);
    }

    public static boolean plugged(UsbDevice device) {
        return DEVICES.get(device.getDeviceName()) == device;
    }

    public static String told() {
        synchronized (EVENTS) {
            return String.join("; ", EVENTS);
        }
    }
}
