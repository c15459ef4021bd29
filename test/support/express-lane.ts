/** `npm run test:lane`: the services under test take the express lane (docs/adr/0019-express-lane.md). */
const on = process.env['TEST_EXPRESS_LANE'] === '1';

export const laneOptions = on ? { express_lane: true } : {};
export const laneEnvironment: Readonly<Record<string, string>> = on
  ? { INFERENCE_SERVICE__HTTP__EXPRESS_LANE: 'true' }
  : {};
