package android.hardware.usb;

/** A data interface has an endpoint each way, a control interface one of interrupts. */
public class UsbInterface {
    private static final int INTERRUPTS = 3;

    private final int id;
    private final int kind;
    private final UsbEndpoint[] endpoints;

    UsbInterface(int id, int kind) {
        this.id = id;
        this.kind = kind;
        if (kind == UsbConstants.USB_CLASS_COMM) {
            endpoints = new UsbEndpoint[] {new UsbEndpoint(UsbConstants.USB_DIR_IN, INTERRUPTS)};
        } else {
            endpoints = new UsbEndpoint[] {
                new UsbEndpoint(UsbConstants.USB_DIR_OUT, UsbConstants.USB_ENDPOINT_XFER_BULK),
                new UsbEndpoint(UsbConstants.USB_DIR_IN, UsbConstants.USB_ENDPOINT_XFER_BULK),
            };
        }
    }

    public int getId() {
        return id;
    }

    public int getInterfaceClass() {
        return kind;
    }

    public int getInterfaceSubclass() {
        return kind == UsbConstants.USB_CLASS_COMM ? 2 : 0;
    }

    public int getEndpointCount() {
        return endpoints.length;
    }

    public UsbEndpoint getEndpoint(int index) {
        return endpoints[index];
    }
}
