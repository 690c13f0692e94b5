import 'minke/worker';
