export { calendar } from './calendar.js';
