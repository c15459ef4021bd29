/** The one entry of the express lane: the server works without it. */
export { ExpressLane, type ExpressLaneParts } from './express-lane.js';
