//! C and what shares its syntax and preprocessor.

use super::super::class::Class::*;
use super::super::row::{CHARACTER, DOUBLE, DOUBLED_DOUBLE, Inside, Quote, ROW, Row, TRIPLE_DOUBLE, rule};

pub(super) static ROWS: &[Row] = &[C, CPP, CSHARP, OBJECTIVE_C, CUDA, ARDUINO, GLSL, HLSL, WGSL];

const C_KEYWORDS: &str = "auto break case const continue default do else extern for goto if inline register restrict \
                          return sizeof static struct enum union switch typedef volatile while alignas alignof asm \
                          noreturn static_assert thread_local typeof constexpr _Alignas _Alignof _Atomic _Generic \
                          _Noreturn _Static_assert _Thread_local __attribute__ __inline __inline__ __restrict \
                          __extension__ __asm__ __volatile__";
const C_TYPES: &str = "bool char double float int long short signed unsigned void wchar_t char8_t char16_t char32_t \
                       size_t ssize_t ptrdiff_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t \
                       intptr_t uintptr_t intmax_t uintmax_t off_t time_t pid_t uid_t gid_t mode_t dev_t _Bool \
                       _Complex FILE";
const CPP_KEYWORDS: &str = "alignas alignof asm auto break case catch const consteval constexpr constinit const_cast \
                            continue co_await co_return co_yield concept decltype default delete do dynamic_cast \
                            else enum explicit export extern final for friend goto if inline mutable namespace new \
                            noexcept operator override private protected public register reinterpret_cast requires \
                            restrict return sizeof static static_assert static_cast struct switch template this \
                            thread_local throw try typedef typeid typename union using virtual volatile while \
                            __attribute__ __inline __restrict";

const C: Row = Row {
    names: &["c", "h"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, CHARACTER],
    prefixes: "L u U u8",
    words: &[(Keyword, C_KEYWORDS), (Type, C_TYPES), (Builtin, "true false NULL nullptr")],
    nexts: &[(TypeName, "struct union enum")],
    rules: rule::PREPROCESSOR | rule::DEFINITIONS | rule::LABELS,
    ..ROW
};

const CPP: Row = Row {
    names: &["cpp", "c++", "cc", "cxx", "hpp", "hxx", "hh", "h++"],
    words: &[
        (Keyword, CPP_KEYWORDS),
        (Keyword, "class"),
        (Type, C_TYPES),
        (Builtin, "true false NULL nullptr"),
        (WordOperator, "and or not xor bitand bitor compl and_eq or_eq not_eq xor_eq"),
    ],
    prefixes: "L u U u8 R LR",
    nexts: &[(TypeName, "struct union enum class concept"), (Namespace, "namespace")],
    ..C
};

const CSHARP: Row = Row {
    names: &["csharp", "cs", "c#", "dotnet"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[
        TRIPLE_DOUBLE,
        Quote { open: "$\"", inside: Inside::Braces, ..DOUBLE },
        Quote { open: "@\"", ..DOUBLED_DOUBLE },
        Quote { open: "$@\"", inside: Inside::Braces, ..DOUBLED_DOUBLE },
        DOUBLE,
        CHARACTER,
    ],
    words: &[
        (
            Keyword,
            "abstract add alias and as async await base break by case catch checked class const continue default \
             delegate do else enum event explicit extern finally fixed for foreach from get global goto group if \
             implicit in init interface internal into is join let lock managed nameof namespace new not notnull on \
             operator or orderby out override params partial private protected public readonly record ref remove \
             required return scoped sealed select set sizeof stackalloc static struct switch this throw try typeof \
             unchecked unmanaged unsafe using value virtual volatile when where while with yield",
        ),
        (Constant, "true false null"),
        (
            Type,
            "bool byte char decimal double dynamic float int long nint nuint object sbyte short string uint ulong \
             ushort var void",
        ),
    ],
    nexts: &[(TypeName, "class struct interface enum record"), (Namespace, "namespace using")],
    rules: rule::PREPROCESSOR | rule::DEFINITIONS,
    ..ROW
};

const OBJECTIVE_C: Row = Row {
    names: &["objective-c", "objectivec", "objc", "obj-c", "mm", "objective-c++"],
    quotes: &[Quote { open: "@\"", ..DOUBLE }, DOUBLE, CHARACTER],
    words: &[
        (Keyword, C_KEYWORDS),
        (
            Keyword,
            "self super in nonatomic atomic strong weak copy assign readonly readwrite retain getter setter nullable \
             nonnull instancetype id",
        ),
        (Type, C_TYPES),
        (Type, "BOOL IBOutlet IBAction SEL Class IMP NSInteger NSUInteger CGFloat NSTimeInterval"),
        (Builtin, "NULL nil Nil YES NO true false"),
    ],
    sigils: &[("@", Keyword)],
    ..C
};

const CUDA: Row = Row {
    names: &["cuda", "cu", "opencl", "metal"],
    words: &[
        (Keyword, CPP_KEYWORDS),
        (
            Keyword,
            "class __global__ __device__ __host__ __shared__ __constant__ __managed__ __launch_bounds__ \
             __forceinline__ __kernel __global __local kernel device threadgroup constant",
        ),
        (Type, C_TYPES),
        (
            Type,
            "dim3 float2 float3 float4 int2 int3 int4 uint2 uint3 uint4 double2 half half2 cudaError_t cudaStream_t",
        ),
        (Builtin, "true false NULL nullptr threadIdx blockIdx blockDim gridDim warpSize"),
        (Function, "__syncthreads __threadfence atomicAdd atomicCAS atomicMax atomicMin atomicExch"),
    ],
    ..CPP
};

const ARDUINO: Row = Row {
    names: &["arduino", "ino"],
    words: &[
        (Keyword, CPP_KEYWORDS),
        (Keyword, "class"),
        (Type, C_TYPES),
        (Type, "boolean byte word String"),
        (Builtin, "true false NULL nullptr HIGH LOW INPUT OUTPUT INPUT_PULLUP LED_BUILTIN Serial Wire SPI EEPROM"),
        (
            Function,
            "setup loop pinMode digitalWrite digitalRead analogRead analogWrite delay delayMicroseconds millis \
             micros attachInterrupt map constrain tone noTone",
        ),
    ],
    ..CPP
};

const SHADER_TYPES: &str = "void bool int uint float double vec2 vec3 vec4 ivec2 ivec3 ivec4 uvec2 uvec3 uvec4 bvec2 \
                            bvec3 bvec4 dvec2 dvec3 dvec4 mat2 mat3 mat4 mat2x3 mat2x4 mat3x2 mat3x4 mat4x2 mat4x3 \
                            sampler1D sampler2D sampler3D samplerCube sampler2DShadow sampler2DArray image2D \
                            atomic_uint";

const GLSL: Row = Row {
    names: &["glsl", "vert", "frag", "shader", "opengl"],
    words: &[
        (
            Keyword,
            "attribute break buffer case centroid coherent const continue default discard do else flat for if in \
             inout invariant layout noperspective out patch precise precision readonly return restrict sample shared \
             smooth struct subroutine switch uniform varying volatile while writeonly highp mediump lowp",
        ),
        (Constant, "true false"),
        (Type, SHADER_TYPES),
        (
            Builtin,
            "gl_Position gl_FragCoord gl_FragColor gl_VertexID gl_InstanceID gl_PointSize gl_GlobalInvocationID abs \
             acos all any asin atan ceil clamp cos cross degrees distance dot exp exp2 faceforward floor fract \
             inversesqrt length log log2 max min mix mod normalize pow radians reflect refract sign sin smoothstep \
             sqrt step tan texture texture2D textureCube texelFetch",
        ),
    ],
    ..C
};

const HLSL: Row = Row {
    names: &["hlsl", "fx", "cg"],
    words: &[
        (
            Keyword,
            "asm break case cbuffer centroid class column_major compile const continue default discard do else \
             export extern for groupshared if in inline inout interface linear namespace nointerpolation \
             noperspective out packoffset pass pixelfragment precise register return row_major sample sampler shared \
             snorm stateblock static struct switch tbuffer technique technique10 technique11 typedef uniform unorm \
             volatile while numthreads",
        ),
        (Constant, "true false NULL"),
        (
            Type,
            "bool int uint dword half float double float2 float3 float4 float2x2 float3x3 float4x4 float4x3 half2 \
             half3 half4 int2 int3 int4 uint2 uint3 uint4 bool2 bool3 bool4 matrix vector void string Texture1D \
             Texture2D Texture3D TextureCube SamplerState SamplerComparisonState Buffer StructuredBuffer \
             RWStructuredBuffer RWTexture2D ByteAddressBuffer ConstantBuffer",
        ),
        (
            Builtin,
            "abs all any asfloat asint asuint atan2 ceil clamp clip cos cross ddx ddy distance dot exp floor fmod \
             frac length lerp log max min mul normalize pow reflect refract round rsqrt saturate sign sin smoothstep \
             sqrt step tan tex2D transpose",
        ),
    ],
    ..C
};

const WGSL: Row = Row {
    names: &["wgsl"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE],
    words: &[
        (
            Keyword,
            "alias break case const_assert continue continuing default diagnostic discard else enable for if loop \
             override requires return switch while",
        ),
        (Declaration, "const fn let struct var"),
        (Constant, "true false"),
        (
            Type,
            "bool f16 f32 i32 u32 vec2 vec3 vec4 vec2f vec3f vec4f vec2i vec3i vec4i vec2u vec3u vec4u mat2x2 mat3x3 \
             mat4x4 mat4x4f mat3x3f array atomic ptr sampler sampler_comparison texture_2d texture_3d texture_cube \
             texture_depth_2d texture_storage_2d",
        ),
        (
            Builtin,
            "abs all any ceil clamp cos cross distance dot exp floor fract length log max min mix normalize pow \
             reflect round select sign sin smoothstep sqrt step tan textureSample textureLoad textureStore \
             workgroupBarrier function private workgroup uniform storage read write read_write",
        ),
    ],
    nexts: &[(Function, "fn"), (TypeName, "struct")],
    sigils: &[("@", Decorator)],
    rules: rule::NESTED,
    ..ROW
};
