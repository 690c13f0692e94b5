// The part of pdf.js that reads: a worker of this site's own.

import 'pdfjs-dist/legacy/build/pdf.worker.mjs';
