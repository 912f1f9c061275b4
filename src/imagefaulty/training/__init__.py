"""How the embedded bundle is made and judged: labelled pages in, a bundle with its figures out.

Reading manifests, splitting and evaluating need only the core. Everything that fits or exports needs the extra
``train``, and is imported from its own module.
"""
