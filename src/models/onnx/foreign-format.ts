/** What other files that are mistaken for ONNX begin with, and what to do instead. */
const beginnings: readonly { readonly bytes: string; readonly words: string }[] = [
  { bytes: 'version https://git-lfs', words: 'is a Git LFS pointer, not the model itself: run `git lfs pull`' },
  { bytes: 'PK\x03\x04', words: 'is a zip archive (PyTorch?), not ONNX: export it with torch.onnx.export' },
  { bytes: '\x89HDF', words: 'is an HDF5 file (Keras?), not ONNX: convert it with tf2onnx' },
  { bytes: '\x1f\x8b', words: 'is compressed with gzip: unpack it' },
  { bytes: '\x80\x02', words: 'is a Python pickle, not ONNX: convert the model with skl2onnx' },
  { bytes: '\x80\x03', words: 'is a Python pickle, not ONNX: convert the model with skl2onnx' },
  { bytes: '\x80\x04', words: 'is a Python pickle, not ONNX: convert the model with skl2onnx' },
  { bytes: '\x80\x05', words: 'is a Python pickle, not ONNX: convert the model with skl2onnx' },
  { bytes: 'tree\n', words: 'is a LightGBM text model, not ONNX: convert it with onnxmltools' },
  { bytes: '{', words: 'is JSON text (XGBoost?), not ONNX: convert it with onnxmltools' },
];

/** Says in words what the bytes are when they are plainly no ONNX file; undefined when they may be one. */
export function foreignFormat(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'is empty';
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 32)).toString('latin1');
  return beginnings.find((beginning) => head.startsWith(beginning.bytes))?.words;
}
