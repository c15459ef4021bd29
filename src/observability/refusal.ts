import { errorCodes, type ErrorCode, type Problem, type ServiceError } from '../shared/errors.js';

/** Codes whose messages may name what the caller sent: a field, a model. The caller may read that, the log may not. */
const namesCallersText: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INVALID_REQUEST',
  'FEATURE_VALIDATION_FAILED',
  'MODEL_NOT_FOUND',
]);
const mostProblems = 5;

/** An error in words that hold nothing of the caller's. */
export function loggedMessage(error: ServiceError): string {
  return namesCallersText.has(error.code) ? errorCodes[error.code].description : error.message;
}

/** What is wrong with a request, and where, as far as the names there are ours; undefined where an error does not say. */
export function loggedProblems({ details }: ServiceError): { path: string; problem: string }[] | undefined {
  return details.errors?.slice(0, mostProblems).map((problem) => ({
    path: loggedPath(problem),
    problem: problem.problem,
  }));
}

/** A feature's name is the model's, unless the model does not know it; other names are cut off behind the envelope's own. */
function loggedPath({ path, problem }: Problem): string {
  const [whole = ''] =
    /^(?:\/instances\/\d+)?(?:\/(?:features|entities|options|model_id|model_version|instances))?/.exec(path) ?? [];
  return !problem.startsWith('unknown') && whole.endsWith('/features') ? path : whole;
}
