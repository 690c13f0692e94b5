import * as minke from 'minke';

window.minke = minke;
