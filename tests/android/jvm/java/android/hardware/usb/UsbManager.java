package android.hardware.usb;

import android.app.PendingIntent;
import java.util.HashMap;
import org.circadia.fake.Usb;

public class UsbManager {
    UsbManager() {
    }

    public HashMap<String, UsbDevice> getDeviceList() {
        return new HashMap<String, UsbDevice>(Usb.DEVICES);
    }

    public boolean hasPermission(UsbDevice device) {
        return Usb.GRANTED.contains(device.getDeviceName());
    }

    public void requestPermission(UsbDevice device, PendingIntent pi) {
        Usb.EVENTS.add("asked for " + device.getDeviceName());
    }

    public UsbDeviceConnection openDevice(UsbDevice device) {
        if (!hasPermission(device)) {
            throw new SecurityException("User has not given permission to access device " + device.getDeviceName());
        }
        return Usb.plugged(device) ? new UsbDeviceConnection(device) : null;
    }
}
