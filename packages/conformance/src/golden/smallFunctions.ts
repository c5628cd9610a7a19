import type { SmallFunction, SmallFunctionRow } from './types.js'

/** Start points, tolerances and sample values of the two-dimensional functions of the paper. */
export const smallFunctions = JSON.parse(`{
"beale":{"start":[0,0],"tolerance":1e-7,"samples":[{"point":[0.3,-0.7],"value":10.315237410000002,"gradient":[-11.4735006,0.7924122]},{"point":[2,2],"value":356.703125,"gradient":[289.25,944]},{"point":[-1.25,0.5],"value":28.5048828125,"gradient":[-13.4140625,-20.25390625]},{"point":[3,0.5],"value":0,"gradient":[0,0]}]},
"rosenbrock":{"start":[0,0],"tolerance":1e-7,"samples":[{"point":[0.3,-0.7],"value":62.89999999999999,"gradient":[93.39999999999999,-157.99999999999997]},{"point":[2,2],"value":401,"gradient":[1602,-400]},{"point":[-1.25,0.5],"value":117.953125,"gradient":[-535.75,-212.5]},{"point":[1,1],"value":0,"gradient":[0,0]}]},
"himmelblau":{"start":[0,0],"tolerance":0.000001,"samples":[{"point":[0.3,-0.7],"value":173.35619999999997,"gradient":[-26.351999999999997,-5.832000000000001]},{"point":[2,2],"value":26,"gradient":[-42,-18]},{"point":[-1.25,0.5],"value":143.87890625,"gradient":[28.6875,-33.875]},{"point":[3,2],"value":0,"gradient":[0,0]}]},
"ackley":{"start":[2,2],"tolerance":0.000001,"samples":[{"point":[0.3,-0.7],"value":4.0262342249673075,"gradient":[3.193979982164299,-0.14071448930505204]},{"point":[2,2],"value":6.593599079287216,"gradient":[1.3406400920712742,1.3406400920712742]},{"point":[-1.25,0.5],"value":5.579089061156317,"gradient":[-4.076317151752938,0.8683379548091034]}]},
"rastrigin":{"start":[2,2],"tolerance":0.000001,"samples":[{"point":[0.3,-0.7],"value":26.760339887498947,"gradient":[60.35664329483113,58.356643294831116]},{"point":[2,2],"value":8,"gradient":[3.9999999999999694,3.9999999999999694]},{"point":[-1.25,0.5],"value":31.812499999999996,"gradient":[-65.33185307179585,1.0000000000000078]},{"point":[0,0],"value":0,"gradient":[0,0]}]}
}`) as Readonly<Record<string, SmallFunction>>

/**
 * Published rows that do not depend on the last bit of rounding: two independent float64 implementations give the
 * printed number of iterations and final value.
 */
export const smallFunctionRows = JSON.parse(`[
{"function":"beale","optimiser":"custom_sgd_log","hyperparameters":{"learning_rate":0.1,"momentum":0.5,"xi":0.01,"beta":0},"published":{"converged":true,"iterations":55,"finalValue":"8.88e-08"}},
{"function":"beale","optimiser":"adam","hyperparameters":{"learning_rate":1,"b1":0.75,"b2":0.99,"eps":1e-8},"published":{"converged":true,"iterations":58,"finalValue":"1.40e-08"}},
{"function":"beale","optimiser":"custom_sgd_rms","hyperparameters":{"learning_rate":1,"momentum":0.75,"xi":0.01,"beta":0,"beta_rms":0.999,"eps":1e-8},"published":{"converged":true,"iterations":64,"finalValue":"5.91e-08"}},
{"function":"beale","optimiser":"muon","hyperparameters":{"learning_rate":1,"adam_b1":0.9,"adam_b2":0.99,"eps":1e-8,"beta":0.9},"published":{"converged":true,"iterations":100,"finalValue":"2.64e-08"}},
{"function":"beale","optimiser":"sgd","hyperparameters":{"learning_rate":0.01,"momentum":0.9},"published":{"converged":true,"iterations":166,"finalValue":"9.20e-08"}},
{"function":"beale","optimiser":"custom_sgd","hyperparameters":{"learning_rate":0.1,"momentum":0.5,"xi":0.01,"beta":0},"published":{"converged":true,"iterations":186,"finalValue":"9.46e-08"}},
{"function":"rosenbrock","optimiser":"custom_sgd","hyperparameters":{"learning_rate":0.01,"momentum":0.99,"xi":0.1,"beta":0},"published":{"converged":true,"iterations":203,"finalValue":"5.52e-08"}},
{"function":"rosenbrock","optimiser":"adam","hyperparameters":{"learning_rate":0.01,"b1":0.9,"b2":0.9,"eps":1e-8},"published":{"converged":true,"iterations":402,"finalValue":"3.44e-08"}},
{"function":"rosenbrock","optimiser":"custom_sgd_rms","hyperparameters":{"learning_rate":0.01,"momentum":0.9,"xi":0.01,"beta":0,"beta_rms":0.99,"eps":1e-8},"published":{"converged":true,"iterations":425,"finalValue":"9.32e-08"}},
{"function":"rosenbrock","optimiser":"sgd","hyperparameters":{"learning_rate":0.001,"momentum":0.99},"published":{"converged":true,"iterations":732,"finalValue":"5.36e-08"}},
{"function":"himmelblau","optimiser":"muon","hyperparameters":{"learning_rate":10,"adam_b1":0,"adam_b2":0.8,"eps":1e-8,"beta":0.9},"published":{"converged":true,"iterations":10,"finalValue":"1.87e-07"}},
{"function":"himmelblau","optimiser":"adam","hyperparameters":{"learning_rate":10,"b1":0,"b2":0.8,"eps":1e-8},"published":{"converged":true,"iterations":10,"finalValue":"1.87e-07"}},
{"function":"himmelblau","optimiser":"custom_sgd_log","hyperparameters":{"learning_rate":10,"momentum":0.1,"xi":10,"beta":0},"published":{"converged":true,"iterations":13,"finalValue":"7.30e-07"}},
{"function":"himmelblau","optimiser":"sgd","hyperparameters":{"learning_rate":0.01,"momentum":0.25},"published":{"converged":true,"iterations":18,"finalValue":"3.69e-08"}},
{"function":"himmelblau","optimiser":"custom_sgd_rms","hyperparameters":{"learning_rate":10,"momentum":0,"xi":0.01,"beta":0,"beta_rms":0.85,"eps":1e-8},"published":{"converged":true,"iterations":19,"finalValue":"8.08e-07"}},
{"function":"himmelblau","optimiser":"custom_sgd","hyperparameters":{"learning_rate":0.01,"momentum":0.5,"xi":0.01,"beta":0},"published":{"converged":true,"iterations":197,"finalValue":"8.71e-07"}},
{"function":"ackley","optimiser":"custom_sgd_log","hyperparameters":{"learning_rate":10,"momentum":0,"xi":10,"beta":0},"published":{"converged":true,"iterations":10,"finalValue":"2.20e-11"}},
{"function":"ackley","optimiser":"custom_sgd_rms","hyperparameters":{"learning_rate":1,"momentum":0.9,"xi":10,"beta":0,"beta_rms":0.85,"eps":1e-8},"published":{"converged":false,"iterations":1000,"finalValue":"6.64e-03"}},
{"function":"ackley","optimiser":"muon","hyperparameters":{"learning_rate":1,"adam_b1":0.99,"adam_b2":0.999,"eps":1e-8,"beta":0.9},"published":{"converged":false,"iterations":1000,"finalValue":"3.23e-02"}},
{"function":"rastrigin","optimiser":"sgd","hyperparameters":{"learning_rate":1,"momentum":0.5},"published":{"converged":true,"iterations":2,"finalValue":"0.00e+00"}},
{"function":"rastrigin","optimiser":"muon","hyperparameters":{"learning_rate":1,"adam_b1":0.99,"adam_b2":0.99,"eps":1e-8,"beta":0.9},"published":{"converged":true,"iterations":14,"finalValue":"4.78e-08"}},
{"function":"rastrigin","optimiser":"custom_sgd_log","hyperparameters":{"learning_rate":10,"momentum":0.5,"xi":1,"beta":0},"published":{"converged":true,"iterations":17,"finalValue":"1.74e-07"}}
]`) as readonly SmallFunctionRow[]
