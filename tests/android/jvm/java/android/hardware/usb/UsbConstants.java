package android.hardware.usb;

public final class UsbConstants {
    public static final int USB_CLASS_CDC_DATA = 10;
    public static final int USB_CLASS_COMM = 2;
    public static final int USB_DIR_IN = 128;
    public static final int USB_DIR_OUT = 0;
    public static final int USB_ENDPOINT_XFER_BULK = 2;
}
