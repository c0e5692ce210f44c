"""The names of all faults that rules and checks find, and what each means. Loads nothing."""

BEFORE_TRAINING = {
    "softmax_twice": "the network ends in a softmax, and the loss applies another (or two follow each other)",
    "last_activation_mismatch": "the last activation cannot produce what the loss expects",
    "loss_mismatch": "the loss does not fit the labels' form or kind",
    "labels_out_of_range": "labels lie outside the classes that the network has",
    "no_nonlinearity": "two dense or convolution layers with nothing nonlinear between them",
    "bias_before_batchnorm": "a bias comes right before a normalization, which removes it",
    "constant_input": "inputs do not differ from each other",
    "unnormalized_input": "inputs are far from zero mean and unit scale, for instance raw 0 to 255",
    "dropout_before_batchnorm": "dropout before batch normalization, whose statistics then differ in use",
    "frozen_layers": "layers that should train are frozen",
    "initial_loss": "the loss at the start is far from ln(classes)",
    "constant_weights": "a layer's kernel is all zeros or one constant: its units cannot become different",
    "bad_initialization": "initial weights far too large or too small for the layers' widths",
    "no_gradient": "a trainable weight gets no gradient, a zero one or one that is not finite",
    "validation_leak": "validation examples are training examples too",
    "batch_mixing": "an example's output depends on the other examples of its batch",
    "cannot_overfit_batch": "one batch cannot be fitted",
}

WHILE_TRAINING = {
    "not_finite": "the loss or gradients became NaN or infinite",
    "rate_too_high": "the learning rate is too high: loss jumps, oscillates or diverges, large update ratios",
    "rate_too_low": "the learning rate is too low: loss hardly falls, update ratios far below 1e-3",
    "vanishing_activations": "activation variance vanishes over depth",
    "exploding_activations": "activation variance explodes over depth",
    "vanishing_gradients": "gradients vanish toward the first layers",
    "exploding_gradients": "gradients explode",
    "dead_units": "rectified units are zero on every input",
    "saturated_units": "units of a bounded activation sit at its limits",
    "stuck_at_chance": "the loss stays at ln(classes): nothing is learned",
    "stuck_at_majority": "the network answers the most frequent class only",
    "loss_flat": "the loss stays where it is, at another value",
    "loss_rising": "the training loss rises",
    "loss_oscillating": "the training loss oscillates",
    "overfitting": "validation falls behind training",
    "underfitting": "training itself stays poor although it has settled",
    "noisy_filters": "first-layer filters look like noise after long training",
    "dead_filters": "first-layer filters have hardly moved or are zero",
    "batchnorm_small_batch": "the batch is too small for batch normalization's statistics",
    "batchnorm_mode": "batch normalization behaves differently in training and in evaluation",
    "label_noise": "a part of the labels is probably wrong",
    "unshuffled": "examples come ordered by class",
    "validation_differs": "validation data is prepared or distributed unlike the training data",
    "loss_scale_dying": "the loss scale of float16 keeps falling",
    "input_bound": "steps wait for input",
}

FAULTS = BEFORE_TRAINING | WHILE_TRAINING
"""All faults by name."""
