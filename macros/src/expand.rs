//! The code that the derive generates.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Fields, GenericArgument, GenericParam, Generics, Index, Member, Path, PathArguments, Result,
    Type, TypeParamBound, WherePredicate, parse_quote,
};

use crate::attr::{self, Errors, TypeAttrs};
use crate::check;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    check::refuse_untraceable(input, &mut errors);
    let attrs = TypeAttrs::parse(&input.attrs, &mut errors);
    let variants = collect_variants(&input.data, &mut errors);
    errors.finish()?;

    let krate = attrs.krate.clone().unwrap_or_else(|| parse_quote!(::tracegc));
    let trace_impl = trace_impl(input, &attrs, &krate, &variants);
    Ok(quote! {
        #[doc(hidden)]
        const _: () = {
            #trace_impl
        };
    })
}

/// A struct, or one variant of an enum.
struct Variant<'a> {
    /// `Self`, or `Self::Name`.
    path: TokenStream,
    /// The fields that are not skipped.
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    member: Member,
    binding: Ident,
    ty: &'a Type,
}

fn collect_variants<'a>(data: &'a Data, errors: &mut Errors) -> Vec<Variant<'a>> {
    match data {
        Data::Struct(data) => {
            vec![Variant { path: quote!(Self), fields: collect_fields(&data.fields, errors) }]
        }
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                attr::refuse_on_variant(&variant.attrs, errors);
                let name = &variant.ident;
                Variant { path: quote!(Self::#name), fields: collect_fields(&variant.fields, errors) }
            })
            .collect(),
        Data::Union(_) => Vec::new(),
    }
}

fn collect_fields<'a>(fields: &'a Fields, errors: &mut Errors) -> Vec<Field<'a>> {
    let mut traced = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        if attr::is_skipped(&field.attrs, errors) || owns_nothing(&field.ty) {
            continue;
        }
        let member = match &field.ident {
            Some(name) => Member::Named(name.clone()),
            None => Member::Unnamed(Index { index: index as u32, span: Span::mixed_site() }),
        };
        let binding = format_ident!("field_{index}", span = Span::mixed_site());
        traced.push(Field { member, binding, ty: &field.ty });
    }
    traced
}

/// Whether a type is, as far as syntax shows it, one of those that own nothing, whatever they are made of.
///
/// Not all of them are `Trace`: `fn(&str)` is not, for lack of a way to say so, and a reference only if its target is.
/// To be wrong about a type is safe: its fields are skipped then.
fn owns_nothing(ty: &Type) -> bool {
    match ty {
        Type::BareFn(_) | Type::Reference(_) | Type::Ptr(_) => true,
        Type::Paren(inner) => owns_nothing(&inner.elem),
        Type::Group(inner) => owns_nothing(&inner.elem),
        Type::Path(path) => option_of(&path.path).is_some_and(owns_nothing),
        _ => false,
    }
}

/// `T` of `Option<T>`.
fn option_of(path: &Path) -> Option<&Type> {
    let last = path.segments.last().filter(|last| last.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(ty),
        _ => None,
    }
}

fn trace_impl(input: &DeriveInput, attrs: &TypeAttrs, krate: &Path, variants: &[Variant<'_>]) -> TokenStream {
    let name = &input.ident;
    let (_, ty_generics, _) = input.generics.split_for_impl();
    let bounded = with_bounds(&input.generics, attrs, krate);
    let (impl_generics, _, where_clause) = bounded.split_for_impl();

    let tracer = Ident::new("tracer", Span::mixed_site());
    let drop_check = (!attrs.unsafe_drop).then(|| drop_check(name, krate));
    let trace_body = trace_body(krate, &tracer, variants);
    let has_edges = has_edges_body(krate, &input.generics, variants);
    let second_check = (!attrs.unsafe_drop && attrs.krate.is_some()).then(|| second_drop_check(input));
    quote! {
        #second_check
        #[automatically_derived]
        unsafe impl #impl_generics #krate::Trace for #name #ty_generics #where_clause {
            #[inline]
            fn trace(&self, #tracer: &mut #krate::Tracer<'_>) {
                #drop_check
                #trace_body
            }

            #[inline]
            fn has_edges() -> bool {
                #has_edges
            }
        }
    }
}

/// Borrows every field that is not skipped, in one pattern, and traces it.
fn trace_body(krate: &Path, tracer: &Ident, variants: &[Variant<'_>]) -> TokenStream {
    if variants.is_empty() {
        return quote!(match *self {});
    }
    let arms = variants.iter().map(|Variant { path, fields }| {
        let patterns = fields.iter().map(|Field { member, binding, .. }| quote!(#member: #binding,));
        let calls = fields.iter().map(
            |Field { binding, ty, .. }| quote_spanned!(ty.span()=> <#ty as #krate::Trace>::trace(#binding, #tracer);),
        );
        quote! { #path { #(#patterns)* .. } => { #(#calls)* } }
    });
    quote! { match self { #(#arms)* } }
}

/// Whether any field that is not skipped can have edges.
fn has_edges_body(krate: &Path, generics: &Generics, variants: &[Variant<'_>]) -> TokenStream {
    let fields = variants.iter().flat_map(|variant| &variant.fields);
    let answers = fields.map(|Field { ty, .. }| {
        if is_unsized(ty, generics) {
            // `has_edges` is for sized types; and what has no drop glue holds no handle.
            quote_spanned!(ty.span()=> ::core::mem::needs_drop::<#ty>())
        } else {
            quote_spanned!(ty.span()=> <#ty as #krate::Trace>::has_edges())
        }
    });
    quote!(false #(|| #answers)*)
}

/// Whether a field's type has no size, or is a parameter that may have none, as far as syntax shows it.
fn is_unsized(ty: &Type, generics: &Generics) -> bool {
    match ty {
        Type::Slice(_) | Type::TraitObject(_) => true,
        Type::Paren(inner) => is_unsized(&inner.elem, generics),
        Type::Group(inner) => is_unsized(&inner.elem, generics),
        Type::Path(path) => path.path.is_ident("str") || is_maybe_sized_param(&path.path, generics),
        _ => false,
    }
}

fn is_maybe_sized_param(path: &Path, generics: &Generics) -> bool {
    let Some(param) = generics.type_params().find(|param| path.is_ident(&param.ident)) else {
        return false;
    };
    let in_where_clause = generics.where_clause.iter().flat_map(|clause| &clause.predicates).any(|predicate| {
        matches!(predicate, WherePredicate::Type(predicate)
            if matches!(&predicate.bounded_ty, Type::Path(ty) if ty.path.is_ident(&param.ident))
                && relaxes_sized(&predicate.bounds))
    });
    relaxes_sized(&param.bounds) || in_where_clause
}

fn relaxes_sized<P>(bounds: &Punctuated<TypeParamBound, P>) -> bool {
    bounds
        .iter()
        .any(|bound| matches!(bound, TypeParamBound::Trait(bound) if matches!(bound.modifier, syn::TraitBoundModifier::Maybe(_))))
}

/// The generics of the type, with `T: Trace` for every type parameter or what `bound` says instead.
fn with_bounds(generics: &Generics, attrs: &TypeAttrs, krate: &Path) -> Generics {
    let mut generics = generics.clone();
    let predicates: Vec<WherePredicate> = match &attrs.bound {
        Some(bound) => bound.iter().cloned().collect(),
        None => generics
            .params
            .iter()
            .filter_map(|param| match param {
                GenericParam::Type(param) => Some(&param.ident),
                _ => None,
            })
            .map(|param| parse_quote!(#param: #krate::Trace))
            .collect(),
    };
    if !predicates.is_empty() {
        generics.make_where_clause().predicates.extend(predicates);
    }
    generics
}

/// A statement that compiles only if the type does not implement `Drop`, and does nothing.
fn drop_check(name: &Ident, krate: &Path) -> TokenStream {
    // Reported where the type has its name.
    let check = quote_spanned!(name.span()=> <#krate::__private::DropProbe<Self>>::must_not_implement_drop);
    quote! {
        {
            use #krate::__private::NoDrop as _;
            let _ = #check;
        }
    }
}

/// Items that compile only if the type does not implement `Drop`, without asking the crate whose path was given: it need
/// not be the one that it says it is.
fn second_drop_check(input: &DeriveInput) -> TokenStream {
    let name = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let forbids = Ident::new("DerivedTraceForbidsDrop", Span::mixed_site());
    let any = Ident::new("Any", Span::mixed_site());
    quote! {
        trait #forbids {}
        #[allow(drop_bounds)]
        impl<#any: ?::core::marker::Sized + ::core::ops::Drop> #forbids for #any {}
        impl #impl_generics #forbids for #name #ty_generics #where_clause {}
    }
}
