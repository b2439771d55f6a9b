"""Event files for TensorBoard, written through the optional package tensorboardX."""

import struct
import zlib

import numpy as np

# What is written can be seen in the file after so many seconds.
SECONDS = 10


def tensorboardx():
    """Return the module tensorboardX; ImportError if it is not installed."""
    try:
        import tensorboardX
    except ImportError as error:
        raise ImportError(
            "TensorBoard writes its event files through the package tensorboardX. Install it: "
            "pip install 'fastfit[tensorboard]'"
        ) from error
    return tensorboardX


class EventWriter:
    """One directory of event files.

    Parameters
    ----------
    directory : str
    """

    def __init__(self, directory):
        self._writer = tensorboardx().SummaryWriter(directory, flush_secs=SECONDS)

    def scalar(self, tag, value, step):
        """Write a number; anything that is not one is left out."""
        if np.ndim(value) == 0:
            self._writer.add_scalar(tag, float(value), int(step))

    def histogram(self, tag, values, step):
        """Write the distribution of an array's numbers, unless one of them is not finite: then there is none."""
        if values.size and np.isfinite(values).all():
            self._writer.add_histogram(tag, values, int(step))

    def images(self, tag, images, step):
        """Write arrays of (height, width) as grey images, dark for the smallest number and light for the largest."""
        for i, image in enumerate(images):
            low, high = float(image.min()), float(image.max())
            grey = np.zeros(image.shape, "uint8") if high <= low else (image - low) * (255 / (high - low))
            height, width = image.shape
            protocol = self._summary()
            picture = protocol.Summary.Image(
                height=height, width=width, colorspace=1, encoded_image_string=png(grey.astype("uint8"))
            )
            self._add(protocol.Summary.Value(tag=tag if i == 0 else f"{tag}/{i}", image=picture), step)

    def model(self, tag, text, step):
        """Write a model as JSON, in the form that TensorBoard's graph tab draws."""
        from tensorboardX.proto.tensor_pb2 import TensorProto
        from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto

        protocol = self._summary()
        plugin = protocol.SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        tensor = TensorProto(dtype="DT_STRING", tensor_shape=TensorShapeProto(), string_val=[text.encode()])
        metadata = protocol.SummaryMetadata(plugin_data=plugin)
        self._add(protocol.Summary.Value(tag=tag, metadata=metadata, tensor=tensor), step)

    def _summary(self):
        from tensorboardX.proto import summary_pb2

        return summary_pb2

    def _add(self, value, step):
        self._writer.file_writer.add_summary(self._summary().Summary(value=[value]), int(step))

    def close(self):
        """Finish the file."""
        self._writer.close()


def png(grey):
    """Return a grey image, an uint8 array of (height, width), in the format PNG."""
    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(grey))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
