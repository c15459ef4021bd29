const applicant = {
  debt_to_income: 0.23,
  housing_expense_to_income: 0.22,
  loan_to_value: 0.642857,
  unemployment_rate: 3.2,
  consumer_credit_score: 1,
  mortgage_credit_score: 1,
  public_bad_credit_record: false,
  denied_mortgage_insurance: false,
  self_employed: false,
  single: false,
  condominium: false,
};
const {
  consumer_credit_score: _consumer,
  mortgage_credit_score: _mortgage,
  public_bad_credit_record: _record,
  ...application
} = applicant;

/** Requests that the example model of the repository answers. */
export const predictionExamples = {
  features: { summary: 'All features in the request', value: { model_id: 'mortgage_denial', features: applicant } },
  entities: {
    summary: 'Credit history from the feature store',
    value: { model_id: 'mortgage_denial', entities: { applicant_id: 'A-17' }, features: application },
  },
};

export const batchExample = {
  model_id: 'mortgage_denial',
  instances: [{ features: applicant }, { features: { ...applicant, debt_to_income: 0.38, self_employed: true } }],
};
