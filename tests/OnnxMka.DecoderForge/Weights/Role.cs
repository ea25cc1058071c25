namespace OnnxMka.Forge;

/// <summary>What a tensor does in its block. Matrices are [in, out], experts [expert, in, out].</summary>
public enum Role
{
    InputNorm, InputNormBias, Query, Key, Value, QueryBias, KeyBias, ValueBias, QueryNorm, KeyNorm, Output, OutputBias,
    AttentionAfterNorm, AttentionAfterNormBias, PostNorm, PostNormBias, Gate, Up, UpBias, Down, DownBias, MlpAfterNorm, MlpAfterNormBias,
    Router, ExpertGate, ExpertUp, ExpertDown,
    ConvIn, ConvKernel, ConvOut, RecurrenceIn, RecurrenceKernel, RecurrenceOut,
    CrossNorm, CrossNormBias, CrossQuery, CrossKey, CrossValue, CrossOutput,
    PerLayerGate, PerLayerUp,
}
